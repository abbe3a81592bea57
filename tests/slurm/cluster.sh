#!/bin/bash
# cluster.sh DIR COMMAND...: run COMMAND in a throw-away Slurm of one node, in DIR, an empty folder.
#
# Needs root, and Debian's slurmctld, slurmd, slurm-client and munge (no recommends, no service). The
# node pretends to have 8 cores, 100 GB and 2 GPUs. It has its own keys, listens on the loopback, and
# its configuration lies in /etc/slurm only as this script and its children see it (job steps of the
# engine's plugin drop SLURM_CONF). They live in a process space of their own: all of them, daemons
# and jobs, die with the script.
set -euo pipefail
if [ "${1:-}" != inside ]; then
  for program in slurmctld slurmd sbatch munged unshare; do
    if ! command -v "$program" > /dev/null; then
      echo "no $program here: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
      exit 77
    fi
  done
  if [ "$(id -u)" != 0 ]; then echo "starting a Slurm needs root"; exit 77; fi
  exec unshare --mount --pid --fork --kill-child --mount-proc "$0" inside "$@"
fi
dir=$(realpath "$2")
shift 2
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
mkdir -p "$dir"/{etc,state,spool,munge,log}
chmod 755 "$dir" "$dir/munge"
dd if=/dev/urandom of="$dir/munge/key" bs=1 count=1024 status=none
chmod 400 "$dir/munge/key"
cat > "$dir/etc/slurm.conf" << END
ClusterName=rehearsal
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CryptoType=crypto/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_min_interval=200000
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
KillWait=30
GresTypes=gpu
NodeName=node0 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 CPUs=8 RealMemory=100000 Gres=gpu:2
PartitionName=main Nodes=node0 Default=YES MaxTime=INFINITE State=UP
END
printf 'NodeName=node0 Name=gpu File=/dev/null\nNodeName=node0 Name=gpu File=/dev/zero\n' \
  > "$dir/etc/gres.conf"
printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' > "$dir/etc/cgroup.conf"
export REHEARSAL_LOG="$dir/log/slurmctld"
mount --bind "$dir/etc" /etc/slurm
munged --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" \
  --pid-file="$dir/munge/pid" --seed-file="$dir/munge/seed" --log-file="$dir/log/munge"
slurmctld
slurmd -N node0
for _ in $(seq 60); do
  if sinfo --noheader --format=%T 2> /dev/null | grep -q idle; then
    "$@"
    exit
  fi
  sleep 1
done
echo "Slurm did not start:"
tail -n 20 "$dir"/log/*
exit 1
