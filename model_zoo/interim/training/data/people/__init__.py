"""People and their joints, from the annotation files of COCO, MPII and our own."""
