"""The gateway to Prefect: everything FlowAdmin asks of it, in our words.

``gateway`` has the contract, ``client`` the real one over HTTP, ``memory`` an in-memory
twin that tests use and a contract test holds to the real one.
"""
