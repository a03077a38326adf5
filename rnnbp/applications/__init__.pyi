from rnnbp.applications import nettalk as nettalk
from rnnbp.applications import spoken_digits as spoken_digits
