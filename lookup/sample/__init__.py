"""Made-up sample data: one city's exam results, admissions and school lottery.

The files agree with one another and come from one seed, so they serve for
demonstrations, tests and load runs without a real child's data.
"""

from lookup.sample.files import SampleFiles, write_sample

__all__ = ["SampleFiles", "write_sample"]
