from rnnbp.reference.build import BrokenReferenceError as BrokenReferenceError
from rnnbp.reference.build import build_reference as build_reference
from rnnbp.reference.names import PublicName as PublicName
from rnnbp.reference.names import Room as Room
from rnnbp.reference.names import public_names as public_names
from rnnbp.reference.names import public_rooms as public_rooms
