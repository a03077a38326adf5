from rnnbp.applications.spoken_digits.noise import noise_table as noise_table
from rnnbp.applications.spoken_digits.speakers import by_speaker as by_speaker
from rnnbp.applications.spoken_digits.speakers import leave_one_speaker_out as leave_one_speaker_out
from rnnbp.applications.spoken_digits.speakers import without_speaker as without_speaker
from rnnbp.applications.spoken_digits.transcription import Transcriber as Transcriber
