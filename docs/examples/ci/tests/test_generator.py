"""The quality of the generator, as a test. The policy is in gandiag.toml."""


def test_the_generator_covers_its_data(gandiag_check):
    """Hold the generator against its data."""
    assert gandiag_check(config="gandiag.toml")  # noqa: S101
