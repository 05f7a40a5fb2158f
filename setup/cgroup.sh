# A cgroup of our own, handed to an ordinary user the way systemd's Delegate=yes does it: version 2, or version 1's memory, pids
# and cpu hierarchies. The same name in each. Sourced by scripts that run as root.

cgroup_root=/sys/fs/cgroup

cgroup_directories() {
  if [ -e "$cgroup_root/cgroup.controllers" ]; then
    printf '%s\n' "$cgroup_root/$1"
  else
    for controller in memory pids cpu cpuacct; do
      [ ! -e "$cgroup_root/$controller/cgroup.procs" ] || printf '%s\n' "$cgroup_root/$controller/$1"
    done
  fi
}

# delegate_cgroup NAME USER: fails when this machine does not let us.
delegate_cgroup() {
  if [ -e "$cgroup_root/cgroup.controllers" ]; then
    echo '+memory +pids +cpu' >"$cgroup_root/cgroup.subtree_control" || return 1
  fi
  for directory in $(cgroup_directories "$1"); do
    mkdir -p "$directory" || return 1
    # Not every version has each of the files.
    chown "$2:" "$directory" "$directory"/cgroup.* "$directory"/tasks 2>/dev/null || [ -w "$directory" ] || return 1
  done
}

# join_cgroup NAME: this shell and all it starts.
join_cgroup() {
  for directory in $(cgroup_directories "$1"); do
    leaf=$directory
    if [ -e "$cgroup_root/cgroup.controllers" ]; then
      leaf=$directory/main
      mkdir -p "$leaf"
      chown "$2:" "$leaf" "$leaf"/cgroup.procs
    fi
    echo $$ >"$leaf/cgroup.procs" || return 1
  done
}

# remove_cgroup NAME: what still runs in it is ended first.
remove_cgroup() {
  for directory in $(cgroup_directories "$1"); do
    find "$directory" -name cgroup.procs -exec cat {} + 2>/dev/null | xargs -r kill -9 2>/dev/null || :
  done
  for directory in $(cgroup_directories "$1"); do
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || :
      [ -d "$directory" ] || break
      sleep 0.1
    done
  done
}
