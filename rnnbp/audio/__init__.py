"""Recordings and features in files: WAV and NIST SPHERE, FLAC and OGG with the extra `audio`."""

from rnnbp.audio.base import AudioInfo
from rnnbp.audio.read import audio_info, read_audio
from rnnbp.audio.sphere import read_sphere, sphere_info, write_sphere
from rnnbp.audio.wav import read_wav, wav_info, write_wav

__all__ = [
    "AudioInfo",
    "audio_info",
    "read_audio",
    "read_sphere",
    "read_wav",
    "sphere_info",
    "wav_info",
    "write_sphere",
    "write_wav",
]
