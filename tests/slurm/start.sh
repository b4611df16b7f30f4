#!/usr/bin/env bash
# Start a Slurm of one node on this machine; do nothing if it runs. For root; Debian and Ubuntu get the packages that are
# missing. All it writes, but its configuration, is in /run/spikegrid-slurm; stop.sh removes both.
set -euo pipefail
folder=/run/spikegrid-slurm
configuration=/etc/slurm/slurm.conf

give_up() { echo "tests/slurm/start.sh: $1" >&2; exit 1; }

within_a_minute() {
  for _ in $(seq 120); do "$@" >/dev/null 2>&1 && return; sleep 0.5; done
  return 1
}

node_is_usable() { sinfo --noheader --format=%T | grep --extended-regexp --line-regexp 'idle|mixed|allocated'; }

[ "$(id --user)" = 0 ] || give_up "root is needed to install and start Slurm"
if ! type munged slurmctld slurmd sbatch >/dev/null 2>&1; then
  command -v apt-get >/dev/null || give_up "munge, slurmctld, slurmd and sbatch are not installed and there is no apt-get"
  export DEBIAN_FRONTEND=noninteractive
  { timeout 120 apt-get -qq update \
    && timeout 300 apt-get -qq install --no-install-recommends munge slurmctld slurmd slurm-client; } >/dev/null 2>&1 \
    || give_up "apt-get could not install munge slurmctld slurmd slurm-client"
fi
[ -e $folder ] && node_is_usable >/dev/null 2>&1 && exit
[ -e $folder ] || [ ! -e $configuration ] || give_up "this machine has a Slurm of its own: $configuration"

rm --recursive --force $folder/state  # of one that was not stopped

# Four CPUs and much memory are told whatever there is: jobs wait for Slurm more than they compute, and use little.
# Jobs over their memory are found by polling, which needs no cgroups; two GPUs are there to be asked for.
# Without a database, squeue has to show jobs for long after their end.
install --directory --mode=755 $folder $folder/state $folder/spool "$(dirname $configuration)"
cat >$configuration <<CONF
ClusterName=spikegrid
SlurmctldHost=$(hostname -s)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmdParameters=config_overrides
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill,UsePss
AccountingStorageType=accounting_storage/none
MinJobAge=3600
KillWait=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
NodeName=$(hostname -s) CPUs=4 RealMemory=100000 Gres=gpu:2
PartitionName=main Nodes=ALL Default=YES MaxTime=1440
CONF
printf 'Name=gpu File=%s\n' /dev/null /dev/zero >"$(dirname $configuration)/gres.conf"

[ -e $folder/munge.key ] || (umask 077 && head --bytes=1024 /dev/urandom >$folder/munge.key)
munged --key-file=$folder/munge.key --socket=$folder/munge.socket --pid-file=$folder/munged.pid \
  --seed-file=$folder/munged.seed --log-file=$folder/munged.log || give_up "munged did not start"
slurmctld || give_up "slurmctld did not start; see $folder/slurmctld.log"
within_a_minute eval "scontrol ping | grep 'is UP'" || give_up "slurmctld does not answer; see $folder/slurmctld.log"
slurmd || give_up "slurmd did not start; see $folder/slurmd.log"
within_a_minute node_is_usable || give_up "the node is not usable; see $folder/slurmctld.log"
