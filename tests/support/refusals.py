"""What a refused call must be."""

import botocore.exceptions
import pytest


def fails(code, call, **arguments):
    """The call is refused with this code; answers its words."""
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**arguments)
    assert error.value.response['Error']['Code'] == code, error.value
    return error.value.response['Error']['Message']
