"""What every layer may use: settings, errors, logs, metrics, access and HTTP glue."""
