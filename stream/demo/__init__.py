"""The main job on one machine: an embedded broker, a DuckDB file, a service that is killed, and the proof."""
