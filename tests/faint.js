// Words that are hard to read: text whose contrast with what is behind it is below 4.5 (WCAG 2.2, 1.4.3).
(() => {
  const rgba = (text) => { const all = text.match(/[\d.]+/g).map(Number); return [...all.slice(0, 3), all[3] ?? 1] }
  const over = (top, low) => top.slice(0, 3).map((c, i) => c * top[3] + low[i] * (1 - top[3]))
  const probe = document.body.appendChild(document.createElement('i')); probe.style.background = 'Canvas'
  const canvas = rgba(getComputedStyle(probe).backgroundColor); probe.remove()
  const ground = (element) => element ? over(rgba(getComputedStyle(element).backgroundColor), ground(element.parentElement)) : canvas
  const light = (color) => color.map((c) => c / 255).map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0)
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = []
  while (words.nextNode()) {
    const element = words.currentNode.parentElement, style = getComputedStyle(element), text = words.currentNode.data.trim()
    if (!text || !element.getClientRects().length || element.closest('style, title, script')) continue
    const low = ground(element), ink = over(rgba(element.closest('svg') ? style.fill : style.color), low)
    const [a, b] = [light(ink), light(low)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05)
    if (ratio < 4.5) faint.push(`${text}: ${ratio.toFixed(2)}`)
  }
  return faint
})()
