/**
 * The settings under which sshd starts the bridge, as `sshd -T -C user=ACCOUNT` prints them. The front believes whoever runs as the
 * bridge's account, so what matters is that nobody who logs in to it can do anything but be carried to the front: a forwarded socket or
 * a shell would be every committer.
 *
 * @module
 */

/** Name in lower case → its values, in order; several lines of one name are several values. */
export type SshdSettings = ReadonlyMap<string, readonly string[]>;

export interface SshdFinding {
  readonly grade: 'FAIL' | 'CAUTION';
  /** As it stands in sshd_config. */
  readonly setting: string;
  /** What is wrong, in a sentence. */
  readonly says: string;
  /** The line that belongs into sshd_config. */
  readonly remedy: string;
}

/** Reads what `sshd -T` prints. */
export const parseSshdSettings = (text: string): SshdSettings => {
  const settings = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^(\S+)(?:\s+(.*))?$/.exec(line.trim()) ?? [];
    if (name === undefined) continue;
    const values = settings.get(name.toLowerCase()) ?? [];
    values.push(value);
    settings.set(name.toLowerCase(), values);
  }
  return settings;
};

/** One value that a setting must have. */
interface Required {
  readonly setting: string;
  readonly value: string;
  readonly grade: SshdFinding['grade'];
  readonly because: string;
}

const required: readonly Required[] = [
  {
    setting: 'DisableForwarding',
    value: 'yes',
    grade: 'FAIL',
    because: 'a socket or port that is forwarded reaches the front as the bridge, and whoever does that is every committer',
  },
  { setting: 'ExposeAuthInfo', value: 'yes', grade: 'FAIL', because: 'without it the bridge does not learn whom sshd verified' },
  { setting: 'PermitTTY', value: 'no', grade: 'FAIL', because: 'a terminal has no use here' },
  { setting: 'PermitUserRC', value: 'no', grade: 'FAIL', because: 'a file in the account\'s home would run before the bridge' },
  { setting: 'PermitUserEnvironment', value: 'no', grade: 'FAIL', because: 'files in the account\'s home could steer the bridge' },
  { setting: 'PermitTunnel', value: 'no', grade: 'FAIL', because: 'a tunnel reaches this machine\'s network' },
  { setting: 'HostbasedAuthentication', value: 'no', grade: 'CAUTION', because: 'it names a host and no person' },
  { setting: 'PasswordAuthentication', value: 'no', grade: 'CAUTION', because: 'a password of a shared account names nobody' },
  { setting: 'KbdInteractiveAuthentication', value: 'no', grade: 'CAUTION', because: 'a password of a shared account names nobody' },
  { setting: 'StrictModes', value: 'yes', grade: 'CAUTION', because: 'files that others can write could let anybody in' },
];

const program = /['"]?\/[^'";|&$`()<>\n]*\/wardccd['"]? ['"]?ssh-subsystem['"]?/;
const socket = / ['"]?--socket['"]? (?:'[^']*'|"[^"$`\\]*"|[A-Za-z0-9_./-]+)/;
/** `wardccd ssh-subsystem`, perhaps with a socket, and nothing around it that a shell would run. */
const bridgeCommand = new RegExp(`^${program.source}(?:${socket.source})?$`);

/** Names that say only how a person likes text; the bridge drops them. */
const harmless = /^(?:LANG|LANGUAGE|LC_\*|LC_[A-Z]+|COLORTERM|NO_COLOR|TERM)$/;

const words = (values: readonly string[] | undefined): string[] =>
  (values ?? []).flatMap((value) => value.split(/\s+/)).filter((word) => word !== '' && word !== 'none');

const checkCommand = (settings: SshdSettings): SshdFinding[] => {
  const command = settings.get('forcecommand')?.[0] ?? 'none';
  if (bridgeCommand.test(command)) return [];
  const says = command === 'none'
    ? 'Nothing forces the bridge: who logs in may run any command as its account, and so be every committer.'
    : 'Another command than the bridge is forced.';
  return [{ grade: 'FAIL', setting: 'ForceCommand', says, remedy: 'ForceCommand /usr/bin/wardccd ssh-subsystem' }];
};

const checkSubsystem = (settings: SshdSettings): SshdFinding[] => {
  const found = (settings.get('subsystem') ?? []).some((value) => /^wardcc(?:\s|$)/.test(value));
  const remedy = 'Subsystem wardcc /usr/bin/wardccd ssh-subsystem';
  if (found) return [];
  return [{ grade: 'FAIL', setting: 'Subsystem', says: 'There is no subsystem wardcc, which is what clients ask for.', remedy }];
};

const checkEnvironment = (settings: SshdSettings): SshdFinding[] => {
  const finding = (grade: SshdFinding['grade'], setting: string, says: string): SshdFinding =>
    ({ grade, setting, says, remedy: `no ${setting} line that counts for this account` });
  const accepted = words(settings.get('acceptenv'));
  const telling = accepted.filter((pattern) => !harmless.test(pattern));
  const findings: SshdFinding[] = [];
  if (telling.length > 0) findings.push(finding('FAIL', 'AcceptEnv', `A client may set ${telling.join(', ')} for the bridge.`));
  else if (accepted.length > 0) {
    findings.push(finding('CAUTION', 'AcceptEnv', `A client may set ${accepted.join(', ')}; the bridge drops them.`));
  }
  if (words(settings.get('setenv')).length > 0) {
    findings.push(finding('CAUTION', 'SetEnv', 'sshd sets variables for this account; the bridge drops them.'));
  }
  return findings;
};

/**
 * What is wrong with the effective settings of the bridge's account. Empty: nothing.
 *
 * @param settings of `sshd -T -C user=ACCOUNT,host=…,addr=…`
 */
export const checkSshd = (settings: SshdSettings): SshdFinding[] => [
  ...checkCommand(settings),
  ...required.flatMap(({ setting, value, grade, because }): SshdFinding[] => {
    const found = settings.get(setting.toLowerCase())?.[0];
    if (found === value) return [];
    return [{ grade, setting, says: `${setting} is ${found ?? 'unknown to this sshd'}: ${because}.`, remedy: `${setting} ${value}` }];
  }),
  ...checkSubsystem(settings),
  ...checkEnvironment(settings),
];
