"""How files, tables, columns and cells are read, whatever form of data they hold."""
