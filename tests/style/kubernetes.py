#!/usr/bin/env python3
"""The manifests of deploy/k8s are what the Kubernetes API takes: no misspelt field, nothing of a wrong type,
nothing missing. The schema is that of Debian's python3-kubernetes. What one manifest names in another is
there, and only the enrolling container sees the Secret. Usage: kubernetes.py [ROOT]; the check tests itself on
misspelt fields and other faults."""

import copy
import pathlib
import re
import sys

sys.path = [path for path in sys.path if pathlib.Path(path or ".").resolve() != pathlib.Path(__file__).parent]
try:
    import yaml
    from kubernetes.client import models
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (tools/deps installs python3-kubernetes)")
    sys.exit(0)

# apiVersion and kind -> the model's name.
MODELS = {
    ("v1", "Namespace"): "V1Namespace",
    ("v1", "ServiceAccount"): "V1ServiceAccount",
    ("v1", "Service"): "V1Service",
    ("apps/v1", "DaemonSet"): "V1DaemonSet",
    ("rbac.authorization.k8s.io/v1", "Role"): "V1Role",
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): "V1RoleBinding",
}
SIMPLE = {"str": str, "bool": bool, "int": int, "float": (int, float), "object": object}


def faults(value, kind, where):
    """What is wrong with a value of the OpenAPI type `kind`, as printable lines."""
    listed = re.fullmatch(r"list\[(.*)\]", kind)
    mapped = re.fullmatch(r"dict\(str, (.*)\)", kind)
    if listed:
        if not isinstance(value, list):
            return [f"{where}: expected a list, got {value!r}"]
        return [fault for i, item in enumerate(value) for fault in faults(item, listed[1], f"{where}[{i}]")]
    if mapped:
        if not isinstance(value, dict):
            return [f"{where}: expected a mapping, got {value!r}"]
        return [fault for key, item in value.items() for fault in faults(item, mapped[1], f"{where}.{key}")]
    if kind in SIMPLE:
        wrong_bool = isinstance(value, bool) and kind in ("int", "float")
        if not isinstance(value, SIMPLE[kind]) or wrong_bool:
            # IntOrString is `object` in this schema; nothing else is looser than its type.
            return [f"{where}: expected {kind}, got {value!r}"]
        return []
    return model_faults(value, getattr(models, kind), where)


def model_faults(value, model, where):
    if not isinstance(value, dict):
        return [f"{where}: expected a mapping, got {value!r}"]
    python_name = {wire: name for name, wire in model.attribute_map.items()}
    found = []
    given = {}
    for key, item in value.items():
        if key not in python_name:
            found.append(f"{where}.{key}: no field of {model.__name__}")
            continue
        given[python_name[key]] = item
        found += faults(item, model.openapi_types[python_name[key]], f"{where}.{key}")
    try:
        model(**given)  # what is required is there
    except ValueError as missing:
        found.append(f"{where}: {missing}")
    return found


def document_faults(document, where):
    key = (document.get("apiVersion"), document.get("kind"))
    if key not in MODELS:
        return [f"{where}: no model for {key[0]} {key[1]}: add it to MODELS"]
    return model_faults(document, getattr(models, MODELS[key]), f"{where}:{key[1]}")


def spec(daemon_set):
    return daemon_set["spec"]["template"]["spec"]


def reference_faults(daemon_set, kustomization, folder):
    """What the DaemonSet mounts is generated, and the Secret is the enrolling container's alone."""
    generated = kustomization.get("configMapGenerator", [])
    found = [f"{file}: named in kustomization.yaml, but not there"
             for generator in generated for file in generator["files"] if not (folder / file).is_file()]
    names = {generator["name"] for generator in generated}
    volumes = spec(daemon_set)["volumes"]
    for volume in volumes:
        if "configMap" in volume and volume["configMap"]["name"] not in names:
            found.append(f"volume {volume['name']}: nothing makes its ConfigMap")
    secret = {volume["name"] for volume in volumes if "secret" in volume}
    for container in spec(daemon_set)["initContainers"] + spec(daemon_set)["containers"]:
        for mount in container["volumeMounts"]:
            if mount["name"] in secret and container["name"] != "enroll":
                found.append(f"container {container['name']}: expected not to see the Secret")
    return found


def self_test(daemon_set, kustomization, folder):
    """Every fault that is put in is found."""
    def misspell(place, name):
        place[name + "s"] = place.pop(name)

    breakages = [
        lambda document: misspell(spec(document), "hostNetwork"),
        lambda document: misspell(spec(document)["containers"][0]["securityContext"], "readOnlyRootFilesystem"),
        lambda document: misspell(spec(document)["containers"][0]["livenessProbe"]["httpGet"], "host"),
        lambda document: spec(document).update(hostNetwork="yes"),
        lambda document: spec(document)["containers"][0].update(env={}),
        lambda document: document["spec"].pop("selector"),
        lambda document: document.update(kind="DaemonSets"),
    ]
    for number, breakage in enumerate(breakages):
        broken = copy.deepcopy(daemon_set)
        breakage(broken)
        if not document_faults(broken, "self test"):
            return [f"self test: fault {number} is not found"]
    leaky = copy.deepcopy(daemon_set)
    spec(leaky)["containers"][0]["volumeMounts"].append({"name": "trust", "mountPath": "/trust"})
    unmade = copy.deepcopy(kustomization)
    unmade["configMapGenerator"][0]["name"] += "s"
    if not reference_faults(leaky, kustomization, folder):
        return ["self test: a Secret in the agent's container is not found"]
    if not reference_faults(daemon_set, unmade, folder):
        return ["self test: a ConfigMap that nothing makes is not found"]
    return []


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder = root / "deploy/k8s"
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    found = []
    listed = set(kustomization["resources"])
    there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    for name in sorted(listed ^ there):
        found.append(f"{name}: in the folder or in kustomization.yaml, but not in both")
    daemon_set = None
    for name in sorted(there):
        for document in yaml.safe_load_all((folder / name).read_text()):
            found += document_faults(document, name)
            if document["kind"] == "DaemonSet":
                daemon_set = document
    if daemon_set:
        found += reference_faults(daemon_set, kustomization, folder)
        found += self_test(daemon_set, kustomization, folder)
    else:
        found.append("there is no DaemonSet")
    print("\n".join(found) if found else f"{len(there)} files: nothing to say")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
