"""What a test asks of Samba's domain database, in one process each: domain.py SMB.CONF COMMAND [ARGUMENTS].

provision REALM DOMAIN PASSWORD   a new domain, without the files of sysvol
simple                            passwords may be simple and never end
person NAME PASSWORD              a user; a NAME that is no plain one becomes the userPrincipalName
service SPN                       an account with a random password that stands for SPN, AES only
newkeys SPN                       another password for that account
types SPN NUMBER                  msDS-SupportedEncryptionTypes of that account: 4 is RC4, 24 AES; 0 takes the value away
machine NAME PASSWORD             a computer account NAME$ with that password, AES only
group NAME MEMBER...              a global security group
groups NUMBER MEMBER              that many groups with one member
dn                                the name of the domain in LDAP
"""
import hashlib
import logging
import secrets
import sys

import ldb
import samba.param
from samba.auth import system_session
from samba.samdb import SamDB

configuration, command, *arguments = sys.argv[1:]
lp = samba.param.LoadParm()
lp.load(configuration)
sam = None if command == "provision" else SamDB(session_info=system_session(), lp=lp)


def digest(name):
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def change(dn, **values):
    message = ldb.Message(dn)
    for name, value in values.items():
        message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    sam.modify(message)


def find(account):
    found = sam.search(sam.domain_dn(), ldb.SCOPE_SUBTREE, f"(sAMAccountName={ldb.binary_encode(account)})", attrs=["sAMAccountName"])
    return found[0].dn


def provision(realm, domain, password):
    from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2
    from samba.provision import provision as make
    make(logging.getLogger("provision"), system_session(), smbconf=configuration, realm=realm, domain=domain, hostname="dc1",
         hostip="127.0.0.1", adminpass=password, dns_backend="NONE", serverrole="dc", lp=lp, skip_sysvolacl=True, batch_mode=True,
         dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2)


def simple():
    never = "-9223372036854775808"
    change(ldb.Dn(sam, sam.domain_dn()), pwdProperties="0", minPwdLength="0", minPwdAge="0", maxPwdAge=never, pwdHistoryLength="0")


def person(name, password):
    plain = all(letter.isalnum() or letter in "._-" for letter in name)
    account = name if plain else f"upn-{digest(name)}"
    sam.newuser(account, password)
    if not plain:
        change(find(account), userPrincipalName=f"{name}@{lp.get('realm')}")


def service(spn):
    account = f"svc-{digest(spn)}"
    sam.newuser(account, secrets.token_hex(16))
    change(find(account), servicePrincipalName=spn)
    types(spn, "24")
    # Keys are derived again, with the service's name on them.
    newkeys(spn)


def newkeys(spn):
    account = f"svc-{digest(spn)}"
    sam.setpassword(f"(sAMAccountName={account})", secrets.token_hex(16), username=account)


def types(spn, number):
    change(find(f"svc-{digest(spn)}"), **{"msDS-SupportedEncryptionTypes": [] if number == "0" else number})


def machine(name, password):
    sam.newcomputer(name)
    change(find(f"{name}$"), **{"msDS-SupportedEncryptionTypes": "24"})
    sam.setpassword(f"(sAMAccountName={name}$)", password, username=f"{name}$")


def group(name, *members):
    sam.newgroup(name)
    sam.add_remove_group_members(name, list(members), add_members_operation=True)


def groups(number, member):
    sam.transaction_start()
    for index in range(int(number)):
        group(f"group {index}", member)
    sam.transaction_commit()


def dn():
    print(sam.domain_dn(), end="")


{one.__name__: one for one in (provision, simple, person, service, newkeys, types, machine, group, groups, dn)}[command](*arguments)
