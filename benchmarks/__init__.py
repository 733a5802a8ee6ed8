"""Hot paths as ratios against named peers, interleaved in one run."""
