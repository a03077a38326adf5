from rnnbp.reproduction.catalog import reproduce as reproduce
from rnnbp.reproduction.catalog import reproductions as reproductions
from rnnbp.reproduction.figures import names as names
from rnnbp.reproduction.figures import table as table
from rnnbp.reproduction.markdown_tables import markdown as markdown
from rnnbp.reproduction.markdown_tables import rewrite_tables as rewrite_tables
from rnnbp.reproduction.side_by_side import Settings as Settings
