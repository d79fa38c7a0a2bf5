"""Writes every manifest of this folder from one place.

    python k8s/render.py            write the files
    python k8s/render.py --check    write nothing; status 1 names the files that are not current

What differs from cluster to cluster stands at the top: the image, the claim, the replicas and their
resources. The models are the folders beside common/ that have a train.py.
"""

import argparse
import json
import os
import sys
from string import Template
from typing import Dict, List, NamedTuple, Optional

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(FOLDER))
from common.config import model as models  # noqa: E402
from common.config.cluster import GRACE_SECS  # noqa: E402

IMAGE = "modelzoo:1.0"
CLAIM = "deeprec"
CLAIM_SIZE = "100Gi"
SAVE_STEPS = "2000"  # what a job loses at most when its chief or a server is killed


class Role(NamedTuple):
    """One kind of replica.

    Attributes:
      name: the TFJob's key for it.
      replicas: how many; exactly one chief.
      cpu, memory: of one replica, both its request and its limit.
      spread: whether its pods rather run on different nodes.
    """

    name: str
    replicas: int
    cpu: str
    memory: str
    spread: bool = False


ROLES = (Role("Chief", 1, "4", "8Gi"), Role("Worker", 2, "4", "8Gi", spread=True),
         Role("PS", 2, "2", "4Gi", spread=True), Role("Evaluator", 1, "2", "4Gi"))

_HEAD = "# Written by k8s/render.py. Change it there and run it again.\n"

_CLAIM = Template("""\
# A claim that the pods of all nodes read and write at once. Where the default storage class cannot
# do that, name one that can: storageClassName under spec.
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: $claim
spec:
  accessModes: [ReadWriteMany]
  resources:
    requests:
      storage: $size
""")

_JOB = Template("""\
apiVersion: kubeflow.org/v1
kind: TFJob
metadata:
  name: $job
spec:
  runPolicy:
    # What still runs when the chief is done is ended; finished pods stay, with their logs.
    cleanPodPolicy: Running
    # ExitCode retries without bound and backoffLimit does not count it: time is the bound, a week.
    activeDeadlineSeconds: 604800
    # A week after its end the job goes, with its pods and logs.
    ttlSecondsAfterFinished: 604800
  tfReplicaSpecs:
$roles---
# Servers ask nobody who they are: only this job's own pods may reach port 2222, and they reach each
# other and DNS.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: $job
spec:
  podSelector:
    matchLabels:
      training.kubeflow.org/job-name: $job
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              training.kubeflow.org/job-name: $job
      ports:
        - port: 2222
          protocol: TCP
  egress:
    - to:
        - podSelector:
            matchLabels:
              training.kubeflow.org/job-name: $job
      ports:
        - port: 2222
          protocol: TCP
    - ports:
        - port: 53
          protocol: UDP
        - port: 53
          protocol: TCP
""")

_ROLE = Template("""\
    $name:
      replicas: $replicas
      # Ended by a signal or cut off (128 and above): the pod starts again. Failed or misused
      # (1, 2): the job fails.
      restartPolicy: ExitCode
      template:
        metadata:
          annotations:
            # A sidecar would outlive the training and keep the pod from completing.
            sidecar.istio.io/inject: "false"
        spec:
          # Time for the chief to save a checkpoint when it is stopped.
          terminationGracePeriodSeconds: $grace
          automountServiceAccountToken: false
          securityContext:
            runAsNonRoot: true
            runAsUser: 1000
            runAsGroup: 1000
            fsGroup: 1000
            fsGroupChangePolicy: OnRootMismatch
            seccompProfile:
              type: RuntimeDefault
$spread          containers:
            - name: tensorflow
              image: $image
              imagePullPolicy: IfNotPresent
              args: $args
              ports:
                - name: tfjob-port
                  containerPort: 2222
              resources:
                requests:
                  cpu: "$cpu"
                  memory: $memory
                limits:
                  cpu: "$cpu"
                  memory: $memory
              securityContext:
                allowPrivilegeEscalation: false
                capabilities:
                  drop: [ALL]
              volumeMounts:
                - name: data
                  mountPath: /data
          volumes:
            - name: data
              persistentVolumeClaim:
                claimName: $claim
""")

_SPREAD = Template("""\
          affinity:
            podAntiAffinity:
              preferredDuringSchedulingIgnoredDuringExecution:
                - weight: 100
                  podAffinityTerm:
                    topologyKey: kubernetes.io/hostname
                    labelSelector:
                      matchLabels:
                        training.kubeflow.org/job-name: $job
                        training.kubeflow.org/replica-type: $type
""")


def arguments(model: str, job: str) -> List[str]:
    """The command line of every role of a job, as the image's entry takes it."""
    bf16 = ["--bf16"] if job.endswith("-bf16") else []
    data_set = models.read(model).data.rpartition(".")[2]
    return [
        model, *bf16, "--data_location", "/data/" + data_set, "--checkpoint", "/data/runs/" + job,
        "--save_steps", SAVE_STEPS]


def render_role(role: Role, model: str, job: str) -> str:
    """A role's part of a TFJob."""
    spread = _SPREAD.substitute(job=job, type=role.name.lower()) if role.spread else ""
    args = json.dumps(arguments(model, job))
    return _ROLE.substitute(
        dict(role._asdict(), spread=spread, image=IMAGE, claim=CLAIM, args=args,
             grace=GRACE_SECS))


def render_job(model: str, job: str) -> str:
    """A TFJob and its NetworkPolicy."""
    roles = [render_role(role, model, job) for role in ROLES]
    return _HEAD + _JOB.substitute(job=job, roles="".join(roles))


def render() -> Dict[str, str]:
    """All manifests: file name -> text."""
    files = {"pvc.yaml": _HEAD + _CLAIM.substitute(claim=CLAIM, size=CLAIM_SIZE)}
    for model in models.names():
        for job in (model + "-fp32", model + "-bf16"):
            files[job + ".yaml"] = render_job(model, job)
    return files


def stale(files: Dict[str, str], folder: str) -> List[str]:
    """The names of files that are missing from a folder, differ there, or have no model."""
    present = {}
    for name in os.listdir(folder):
        if name.endswith(".yaml"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                present[name] = file.read()
    names = {*files, *present}
    return sorted(name for name in names if files.get(name) != present.get(name))


def main(argv: Optional[List[str]] = None, folder: str = FOLDER) -> int:
    """Writes or checks the files; returns the exit status."""
    parser = argparse.ArgumentParser(description="Writes the manifests of this folder.")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail where a file is not current")
    names = stale(render(), folder)
    if parser.parse_args(argv).check:
        for name in names:
            print("{} is not what render.py renders. Run: python k8s/render.py".format(name),
                  file=sys.stderr)
        return 1 if names else 0
    for name, text in render().items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
