from rnnbp.plotting.figures import COOL as COOL
from rnnbp.plotting.figures import WARM as WARM
from rnnbp.plotting.figures import figure as figure
from rnnbp.plotting.images import plot_hidden_units as plot_hidden_units
from rnnbp.plotting.images import plot_pictures as plot_pictures
from rnnbp.plotting.images import plot_reading as plot_reading
