"""Every table contract by table name; what the IO manager and the documentation look tables up in."""

from ccl_assets.corpora import tables as corpora
from ccl_assets.evaluation import tables as evaluation
from ccl_assets.evidence import tables as evidence
from ccl_assets.icd import tables as icd
from ccl_assets.sft import tables as sft
from ccl_assets.tables.contract import TableContract

CONTRACTS: dict[str, TableContract] = {
    contract.name: contract
    for module in (icd, corpora, evidence, sft, evaluation)
    for contract in vars(module).values()
    if isinstance(contract, TableContract)
}
