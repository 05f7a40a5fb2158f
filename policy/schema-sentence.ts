/**
 * What a JSON Schema complaint means, in a sentence for the person who wrote the file.
 *
 * A schema may carry its own words: the `description` of the (sub)schema whose `pattern` or `enum` failed is used as it is.
 *
 * @module
 */
import type { ErrorObject } from 'ajv';

export interface SchemaSentence {
  readonly sentence: string;
  /** The complaint is about this key of the object, not about the object. */
  readonly key?: string;
}

/** `rules[2].who` */
export const printPath = (path: readonly (string | number)[]): string => {
  let text = '';
  for (const step of path) {
    if (/^[0-9]+$/.test(String(step))) text += `[${step}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(String(step))) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
};

const quoteList = (values: readonly unknown[]): string => values.map((value) => JSON.stringify(value)).join(', ');

const typeNames: Readonly<Record<string, string>> = {
  object: 'an object { … }',
  array: 'a list [ … ]',
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
};

const printTypes = (type: string | string[]): string =>
  [type]
    .flat()
    .map((name) => typeNames[name] ?? name)
    .join(' or ');

/** The known key that is closest to a misspelt one, if it is close. */
export const closest = (word: string, known: readonly string[]): string | undefined => {
  let best: string | undefined;
  let bestDistance = word.length < 3 ? 1 : 3;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
};

const editDistance = (a: string, b: string): number => {
  if (a.length > 64 || b.length > 64) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
};

type Parameters = Readonly<Record<string, any>>;
type Teller = (where: string, params: Parameters, error: ErrorObject) => SchemaSentence;

const unknownKey: Teller = (where, params, error) => {
  const key: string = params['additionalProperty'] ?? params['unevaluatedProperty'];
  const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {});
  const guess = closest(key, known);
  const place = where === '' ? 'this file' : where;
  return {
    key,
    sentence: `${place} has no key ${JSON.stringify(key)}${guess === undefined ? '' : ` (did you mean ${JSON.stringify(guess)}?)`}`,
  };
};

const inWords: Teller = (where, _params, error) => {
  const description: unknown = error.parentSchema?.['description'];
  return { sentence: `${where} must be ${typeof description === 'string' ? description : `text that matches ${error.params['pattern']}`}` };
};

const tellers: Readonly<Record<string, Teller>> = {
  required: (where, { missingProperty }) => ({
    sentence: `${where === '' ? 'the file' : where} lacks the key ${JSON.stringify(missingProperty)}`,
  }),
  additionalProperties: unknownKey,
  unevaluatedProperties: unknownKey,
  type: (where, { type }) => ({ sentence: `${where} must be ${printTypes(type)}` }),
  enum: (where, { allowedValues }) => ({ sentence: `${where} must be one of ${quoteList(allowedValues)}` }),
  const: (where, { allowedValue }) => ({ sentence: `${where} must be ${JSON.stringify(allowedValue)}` }),
  pattern: inWords,
  minimum: (where, { limit }) => ({ sentence: `${where} must be at least ${limit}` }),
  exclusiveMinimum: (where, { limit }) => ({ sentence: `${where} must be more than ${limit}` }),
  maximum: (where, { limit }) => ({ sentence: `${where} must be at most ${limit}` }),
  exclusiveMaximum: (where, { limit }) => ({ sentence: `${where} must be less than ${limit}` }),
  multipleOf: (where, { multipleOf }) => ({ sentence: `${where} must be a multiple of ${multipleOf}` }),
  minLength: (where, { limit }) => ({
    sentence: limit === 1 ? `${where} must not be empty` : `${where} must have at least ${limit} characters`,
  }),
  maxLength: (where, { limit }) => ({ sentence: `${where} must have at most ${limit} characters` }),
  minItems: (where, { limit }) => ({ sentence: limit === 1 ? `${where} must not be empty` : `${where} must have at least ${limit} items` }),
  maxItems: (where, { limit }) => ({ sentence: `${where} must have at most ${limit} items` }),
  uniqueItems: (where, { i, j }) => ({ sentence: `${where} has the same item twice (${Math.min(i, j)} and ${Math.max(i, j)})` }),
  minProperties: (where) => ({ sentence: `${where} must not be empty` }),
  maxProperties: (where, { limit }) => ({ sentence: `${where} must have at most ${limit} keys` }),
  dependentRequired: (where, { property, missingProperty }) => ({
    sentence: `${where} has ${JSON.stringify(property)} and therefore needs ${JSON.stringify(missingProperty)}`,
  }),
};

// Their inner complaints are reported too, and say more.
const silent = new Set(['if', 'propertyNames', 'oneOf', 'anyOf', 'allOf']);

/** The sentence for one complaint of ajv (`verbose`); undefined where another complaint about the same place says it better. */
export const schemaSentence = (error: ErrorObject, path: readonly (string | number)[]): SchemaSentence | undefined => {
  if (silent.has(error.keyword)) return undefined;
  if (error.propertyName !== undefined) {
    const description: unknown = error.parentSchema?.['description'];
    return {
      key: error.propertyName,
      sentence: `the key ${JSON.stringify(error.propertyName)} must be ${typeof description === 'string' ? description : 'a valid name'}`,
    };
  }
  const where =
    printPath(path) === '' && error.keyword !== 'required' && !error.keyword.endsWith('Properties') ? 'the file' : printPath(path);
  const teller = tellers[error.keyword];
  return teller === undefined
    ? { sentence: `${where} ${error.message ?? 'does not have the expected form'}` }
    : teller(where, error.params, error);
};
