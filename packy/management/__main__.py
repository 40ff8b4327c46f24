"""Prints the contract: `python -m packy.management > contracts/management-packycode.yaml`."""

import sys

from packy.management.contract import contract_yaml

sys.stdout.write(contract_yaml())
