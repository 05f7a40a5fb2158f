/**
 * From the written policy to the one that decides: names resolved, groups flattened, defaults filled in. Complains with positions; reads
 * no file.
 *
 * @module
 */
import { sourceMistakes } from './committers/kinds.ts';
import { flattenGroups, parseWho } from './groups.ts';
import { buildIdentityTable, type IdentityWriting } from './identity.ts';
import type { Finding, JsoncDocument, JsonPath } from './jsonc.ts';
import { closest, printPath } from './schema-sentence.ts';
import type { WrittenChoices, WrittenPolicy, WrittenRule } from './schema.ts';
import { compileSsh } from './ssh.ts';
import {
  defaultLimits,
  defaultQuota,
  reservedRuleIds,
  type Anchor,
  type Limits,
  type Mechanism,
  type Policy,
  type Quota,
  type Rule,
  type Who,
} from './types.ts';

/** All of a policy but what comes from outside the file. */
export type CompiledPolicy = Omit<Policy, 'digest' | 'committers' | 'warnings'>;

/** Stable codes of the complaints that are made here. */
type Code = 'WP001' | 'WP002' | 'WP010' | 'WP011' | 'WP012' | 'WP013';

const unitBytes: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

const sizeOf = (written: number | string): number =>
  typeof written === 'number' ? written : Number.parseInt(written, 10) * unitBytes[written.slice(-3)]!;

/** The findings may be warnings only; if one is an error, the policy must not be used. */
export const compilePolicy = (document: JsoncDocument<WrittenPolicy>): { policy: CompiledPolicy; findings: Finding[] } => {
  const written = document.value;
  const findings: Finding[] = [];
  const complain = (code: Code, path: JsonPath, message: string, part: 'key' | 'value' = 'value') =>
    findings.push(document.findingAt(path, message, code, code === 'WP011' ? 'warning' : 'error', part));
  const at = (...path: (string | number)[]) => document.positionOf(path);

  const uniqueIds = (items: readonly { id: string }[], ...path: string[]) => {
    const seen = new Map<string, number>();
    for (const [index, { id }] of items.entries()) {
      const first = seen.get(id);
      if (first === undefined) seen.set(id, index);
      else complain('WP002', [...path, index, 'id'], `the id "${id}" is here for the second time (first at ${at(...path, first, 'id')})`);
    }
  };
  uniqueIds(written.anchors ?? [], 'anchors');
  uniqueIds(written.ssh?.authorities ?? [], 'ssh', 'authorities');
  uniqueIds(written.identities, 'identities');
  uniqueIds(written.committers.sources, 'committers', 'sources');
  uniqueIds(written.rules, 'rules');
  for (const [index, source] of written.committers.sources.entries()) {
    for (const [key, sentence] of sourceMistakes(source)) complain('WP001', ['committers', 'sources', index, key], sentence);
  }

  const undefinedName = (what: string, name: string, known: Iterable<string>, path: JsonPath) => {
    const guess = closest(name, [...known]);
    complain('WP010', path, `there is no ${what} "${name}"${guess === undefined ? '' : ` (did you mean "${guess}"?)`}`);
  };

  // who: groups and sources
  const sourceIds = written.committers.sources.map(({ id }) => id);
  const groupIds = Object.keys(written.groups ?? {});
  const usedGroups = new Set<string>();
  const readWho = (texts: readonly string[], path: JsonPath): Who[] =>
    texts.flatMap((text, index) => {
      const who = parseWho(text);
      if (typeof who === 'string') complain('WP001', [...path, index], who);
      else if (who.kind === 'group' && !groupIds.includes(who.id)) undefinedName('group', who.id, groupIds, [...path, index]);
      else if (who.kind === 'source' && !sourceIds.includes(who.id)) undefinedName('committer source', who.id, sourceIds, [...path, index]);
      else {
        if (who.kind === 'group') usedGroups.add(who.id);
        return [who];
      }
      return [];
    });
  const groups = new Map(groupIds.map((id) => [id, readWho(written.groups?.[id] ?? [], ['groups', id])]));
  const { flat, cycles } = flattenGroups(groups);
  for (const { group, way } of cycles)
    complain('WP012', ['groups', group], `the group "${group}" contains itself: ${way.join(' > ')}`, 'key');
  const flattenWho = (who: readonly Who[]): Who[] => who.flatMap((one) => (one.kind === 'group' ? (flat.get(one.id) ?? []) : [one]));

  // profiles that rules name
  const limits = new Map(
    Object.entries(written.limits ?? {}).map(([id, profile]): [string, Limits] => [
      id,
      { ...defaultLimits, ...Object.fromEntries(Object.entries(profile).map(([key, value]) => [key, sizeOf(value)])) },
    ]),
  );
  const quotas = new Map(
    Object.entries(written.quotas ?? {}).map(([id, profile]): [string, Quota] => [id, { ...defaultQuota, ...profile }]),
  );
  const choose = (choices: WrittenChoices, path: JsonPath, base: Pick<Rule, 'limits' | 'quota' | 'weight' | 'cache' | 'domain'>) => {
    if (choices.limits !== undefined && !limits.has(choices.limits))
      undefinedName('limits profile', choices.limits, limits.keys(), [...path, 'limits']);
    if (choices.quota !== undefined && !quotas.has(choices.quota))
      undefinedName('quota profile', choices.quota, quotas.keys(), [...path, 'quota']);
    return {
      limits: limits.get(choices.limits ?? '') ?? base.limits,
      quota: quotas.get(choices.quota ?? '') ?? base.quota,
      weight: choices.weight ?? base.weight,
      cache: choices.cache ?? base.cache,
      domain: choices.domain ?? base.domain,
    };
  };
  const defaults = choose(written.defaults ?? {}, ['defaults'], {
    limits: limits.get('default') ?? defaultLimits,
    quota: quotas.get('default') ?? defaultQuota,
    weight: 1,
    cache: 'domain',
    domain: undefined,
  });

  const compileRule = (rule: WrittenRule, index: number): Rule => {
    const path = ['rules', index];
    if (reservedRuleIds.includes(rule.id))
      complain('WP001', [...path, 'id'], `the id "${rule.id}" is reserved for decisions that no rule makes`);
    if (rule.effect === 'deny') {
      for (const key of ['limits', 'quota', 'weight', 'cache', 'domain'] as const) {
        if (rule[key] !== undefined) complain('WP001', [...path, key], `a rule that denies has no use for "${key}"`, 'key');
      }
    }
    for (const mechanism of rule.mechanisms ?? []) {
      if (!written.mechanisms.includes(mechanism))
        complain('WP010', [...path, 'mechanisms'], `the policy does not permit the mechanism "${mechanism}" that this rule names`);
    }
    const who = readWho(rule.who, [...path, 'who']);
    return {
      id: rule.id,
      position: document.positionOf(path),
      effect: rule.effect,
      who,
      members: flattenWho(who),
      projects: unlessAny(rule.projects),
      compilers: unlessAny(rule.compilers)?.map((digest) => digest.slice('sha256:'.length)),
      languages: unlessAny(rule.languages),
      mechanisms: rule.mechanisms,
      because: rule.because,
      ...choose(rule, path, defaults),
    };
  };
  const rules = written.rules.map(compileRule);
  for (const id of groupIds) {
    if (!usedGroups.has(id)) complain('WP011', ['groups', id], `the group "${id}" is not used`, 'key');
  }

  const anchors = (written.anchors ?? []).map((anchor, index): Anchor => {
    if (anchor.uri === undefined && anchor.email === undefined && anchor.upn === undefined)
      complain('WP001', ['anchors', index], 'the anchor allows no names: it needs "uri", "email" or "upn"');
    for (const kind of ['email', 'upn'] as const) {
      for (const [at, suffix] of (anchor[kind] ?? []).entries()) {
        if (!/^[@.]/.test(suffix))
          complain(
            'WP001',
            ['anchors', index, kind, at],
            `the suffix ${JSON.stringify(suffix)} must begin with "@" (or "." for all subdomains), or it would admit other domains`,
          );
      }
    }
    return {
      id: anchor.id,
      position: at('anchors', index),
      ca: (anchor.ca ?? '*').replace(/^sha256:/, ''),
      names: { uri: anchor.uri ?? [], email: anchor.email ?? [], upn: anchor.upn ?? [] },
    };
  });
  if (written.mechanisms.includes('cert') && anchors.length === 0)
    complain('WP001', ['mechanisms'], 'certificates are permitted, but no anchor in "anchors" says which names a CA may assert');

  return {
    policy: {
      file: document.file,
      serial: written.serial,
      mechanisms: written.mechanisms,
      anchors,
      ssh: compileSsh(written.ssh, (path) => document.positionOf(path), (path, message) => complain('WP001', path, message)),
      identities: compileIdentities(document, complain),
      groups,
      rules,
      limits,
      quotas,
      defaults,
      positions: { mechanisms: at('mechanisms'), committers: at('committers'), identities: at('identities'), rules: at('rules') },
    },
    findings,
  };
};

const unlessAny = (values: readonly string[] | undefined): readonly string[] | undefined => (values?.includes('*') ? undefined : values);

const compileIdentities = (document: JsoncDocument<WrittenPolicy>, complain: (code: Code, path: JsonPath, message: string) => void) => {
  const writings: (IdentityWriting & { path: JsonPath })[] = [];
  for (const [index, identity] of document.value.identities.entries()) {
    const path = ['identities', index];
    const { id, principal, committer, mechanism, realms } = identity;
    if (principal !== undefined && committer !== undefined && realms === undefined && mechanism === undefined) {
      const kind = principal.slice(0, principal.indexOf(':')) as Mechanism;
      writings.push({
        id,
        position: document.positionOf(path),
        mechanism: kind,
        principal: principal.slice(kind.length + 1),
        committer,
        path,
      });
    } else if (realms !== undefined && mechanism !== undefined && principal === undefined && committer === undefined) {
      for (const [realm, template] of Object.entries(realms)) {
        const place = [...path, 'realms', realm];
        writings.push({
          id,
          position: document.positionOf(place, 'key'),
          mechanism,
          principal: `{user}@${realm}`,
          committer: template,
          path: place,
        });
      }
    } else {
      complain('WP001', path, `${printPath(path)} needs either "principal" and "committer", or "mechanism": "krb5" and "realms"`);
    }
  }
  const { table, complaints } = buildIdentityTable(writings);
  for (const { code, index, part, message } of complaints) {
    const { path } = writings[index]!;
    complain(code, path.includes('realms') ? path : [...path, part], message);
  }
  return table;
};
