"""What holds for every test."""

from hypothesis import HealthCheck, settings

# No test asserts a time: how long one example takes is the machine's affair.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
