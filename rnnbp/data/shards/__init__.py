"""Datasets larger than memory: sequences in Parquet files, read ahead and shuffled while a model trains.

`writer` writes a folder of shards and its index, `index` reads the latter, `layout` and `files` one shard; `order`
decides which sequences make each batch and when each shard is needed, `read_ahead` reads them by a thread, and
`dataset` is what a trainer takes.
"""
