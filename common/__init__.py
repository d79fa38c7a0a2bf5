"""What the models share; each module knows one thing and none knows a model."""

# Before any module imports TensorFlow 1.15, whose C++ symbols are everybody's: with them, Google's
# file system of an Arrow that is loaded later ends the process (SIGSEGV).
import pyarrow  # noqa: F401

__version__ = "1.0.0"
