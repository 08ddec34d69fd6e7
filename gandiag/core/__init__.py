"""The words that everything else is built of: samples, results, specs, catalogs, streams and checks."""
