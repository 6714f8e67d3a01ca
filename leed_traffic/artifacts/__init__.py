"""Files that cross a border: scenarios, sites, demonstrations, bundles; read with checks, written whole."""
