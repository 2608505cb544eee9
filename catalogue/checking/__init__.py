"""What people who keep the catalogue use: its check, its pages, its sources, and made-up people to try it on."""
