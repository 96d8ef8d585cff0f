"""The demo: the main job from export to results, against a stand-in for Vitec on this machine."""
