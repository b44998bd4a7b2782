# SPDX-License-Identifier: MIT
#
# How gdb shows devres: `print dev->devres` lists the resources from the newest to the oldest, `print *dev` says
# name, driver and how many there are; devres_ptr and revocable say whether their object still lives.
#
# gdb loads it by itself for the installed shared library; else: `source <prefix>/share/devres/devres_gdb.py`.
import gdb
import gdb.printing

KINDS = ["resource", "node", "memory", "action", "object", "callable"]  # what is listed and counted
MOST = 10_000  # a list that is longer is not shown to its end


def pointer_type():
    return gdb.lookup_type("char").pointer().pointer()


def symbol_at(address):
    text = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
    return text.split(" in section")[0] if " in section" in text else f"{address:#x}"


def resources_of(head):
    """The resources of a head from the newest to the oldest, markers of groups left out."""
    ends = head["list_"]["ends_"]
    resource = gdb.lookup_type("devres::detail::resource").pointer()
    at, shown = ends["prev"], 0
    while at != ends.address and shown < MOST:
        res = at.cast(resource)
        if int(res["ops"]["kind"]) < len(KINDS):
            yield res
            shown += 1
        at = at["prev"]


def name_of(res):
    ops = res["ops"].dereference()
    kind = KINDS[int(ops["kind"])]
    if ops["name"] != 0:
        name = ops["name"].string()
        return kind if name == kind else f"{kind} {name}"
    if kind == "node":
        try:
            node = res.cast(gdb.lookup_type("devres::devres_node").pointer())
            return f"{kind} {text_or(node['name_'], symbol_at(int(node['release_'])))}"
        except gdb.error:
            return kind
    payload = (res + 1).cast(pointer_type())
    if kind == "action":
        return f"{kind} {symbol_at(int(payload.dereference()))}"
    if kind == "resource":  # release and name stand in front of the header, see src/list/two_step.h
        prefix = (res.cast(gdb.lookup_type("char").pointer()) - 32).cast(pointer_type())
        name = (prefix + 1).dereference()
        return f"{kind} {name.string() if name != 0 else symbol_at(int(prefix.dereference()))}"
    return kind


def count_of(head):
    count = sum(1 for _ in resources_of(head))
    return f"{count} resource{'' if count == 1 else 's'}"


def text_or(value, instead):
    return value.string() if value != 0 else instead


def atomic(value):
    """What a std::atomic of libstdc++ or libc++ holds."""
    for field in ("_M_i", "_M_p", "_M_b", "__a_"):
        try:
            inner = value[field]
            return atomic(inner) if field == "_M_b" else inner
        except gdb.error:
            continue
    return value


class Head:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return count_of(self.value)

    def children(self):
        for n, res in enumerate(resources_of(self.value)):
            yield f"[{n}]", name_of(res)

    def display_hint(self):
        return "array"


class Device:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        driver = atomic(self.value["driver_"])
        bound = f"bound to {text_or(driver['name'], '(unnamed)')}" if driver != 0 else "not bound"
        return f'device "{text_or(self.value["name_"], "(unnamed)")}", {bound}, {count_of(self.value["devres"])}'


class DrmDevice:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        driver, parent = self.value["driver"], self.value["dev"]
        name = text_or(driver["name"], "(unnamed)") if driver != 0 else "(no driver)"
        of = f' of "{text_or(parent["name_"], "(unnamed)")}"' if parent != 0 else ""
        return f'drm_device "{name}"{of}, {count_of(self.value["devres"])}'


def life_of(state):
    life = int(atomic(state["life_"]))
    return "lives" if life == 0 else "is revoked"


class DevresPtr:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        block = self.value["block_"]
        if block == 0:
            return "devres_ptr, empty"
        return f"devres_ptr, {int(atomic(block['handles']))} handles, {life_of(block['state'])}"

    def children(self):
        block = self.value["block_"]
        if block != 0 and life_of(block["state"]) == "lives":
            yield "object", block["object"]


class Revocable:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"revocable, {life_of(self.value['state_'])}"


def build():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("devres")
    for name, pattern, printer in (
            ("devres_head", "^devres::devres_head$", Head),
            ("device", "^devres::device$", Device),
            ("drm_device", "^devres::drm_device$", DrmDevice),
            ("devres_ptr", "^devres::devres_ptr<.*>$", DevresPtr),
            ("revocable", "^devres::revocable<.*>$", Revocable)):
        printers.add_printer(name, pattern, printer)
    return printers


gdb.printing.register_pretty_printer(None, build(), replace=True)
