"""The steps of data/din/prepare_data.sh, each a command of its own."""
