"""The candle archive: Parquet files of a person's own, what they hold, and whether it is sound."""
