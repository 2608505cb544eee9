"""The models: fitted, calibrated, judged through time, and written as a release bundle."""
