"""Recordings and features in files: WAV and NIST SPHERE, FLAC and OGG with the extra `audio`; HTK's and Kaldi's."""

from rnnbp.audio.base import AudioInfo
from rnnbp.audio.htk import HTKFeatures, read_htk, write_htk
from rnnbp.audio.kaldi import read_ark, read_scp, write_ark, write_ark_text
from rnnbp.audio.read import audio_info, read_audio
from rnnbp.audio.sphere import read_sphere, sphere_info, write_sphere
from rnnbp.audio.wav import read_wav, wav_info, write_wav

__all__ = [
    "AudioInfo",
    "HTKFeatures",
    "audio_info",
    "read_ark",
    "read_audio",
    "read_htk",
    "read_scp",
    "read_sphere",
    "read_wav",
    "sphere_info",
    "wav_info",
    "write_ark",
    "write_ark_text",
    "write_htk",
    "write_sphere",
    "write_wav",
]
