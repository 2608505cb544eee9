"""What do we learn from past cases? The models: fitted, calibrated, judged through time, and released."""
