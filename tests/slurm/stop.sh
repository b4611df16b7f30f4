#!/usr/bin/env bash
# Cancel all jobs of the Slurm that start.sh started, and stop it.
folder=/run/spikegrid-slurm
[ -e $folder ] || exit 0

scancel --user=root
for _ in $(seq 60); do [ -z "$(squeue --noheader)" ] && break; sleep 0.5; done
for daemon in slurmd slurmctld munged; do
  pid=$(cat $folder/$daemon.pid 2>/dev/null) || continue
  kill "$pid"
  for _ in $(seq 60); do [ -e "/proc/$pid" ] || break; sleep 0.5; done
done
rm --recursive --force $folder /etc/slurm/slurm.conf /etc/slurm/gres.conf
