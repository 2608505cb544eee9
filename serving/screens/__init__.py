"""The referral screens: GOV.UK pages that the service renders, working without JavaScript."""
