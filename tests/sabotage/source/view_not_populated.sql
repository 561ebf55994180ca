-- VIEW_NOT_POPULATED wares.by_supplier
REFRESH MATERIALIZED VIEW wares.by_supplier WITH NO DATA;
