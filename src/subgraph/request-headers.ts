/**
 * The headers of one request to one subgraph. In: what they are made of. Out: names and values in turn.
 * Clock: per generation (compile, for each subgraph and kind of operation), per call (write).
 */

import { type OperationKind, type RequestHeaderRule, rulesFor, splitPatterns } from '../config/headers';
import { claimSource, contextSource, type HeaderSources, isHeaderSource, mayPass } from '../context/header-sources';
import { traceHeaderNames } from '../telemetry/traces';

/** Fills an empty `list`. `skipsTrace`: a trace goes on from the gateway, not from what the client sent. */
export type WriteHeaders = (sources: HeaderSources, list: string[], skipsTrace: boolean) => void;

export interface RequestHeaderOptions {
  readonly rules: readonly RequestHeaderRule[];
  /** Lower case names that pass before every rule, and that no rule changes; or all that there are. */
  readonly own: readonly string[] | 'all';
  /** Lower case names that the transport writes itself: no rule does. */
  readonly reserved: readonly string[];
}

type Step = (sources: HeaderSources, list: string[]) => void;

export function compileRequestHeaders(
  { rules, own, reserved }: RequestHeaderOptions,
  subgraph: string,
  kind: OperationKind,
): WriteHeaders {
  const untouchable = new Set([...reserved, ...(own === 'all' ? [] : own)]);
  const steps: Step[] = [
    own === 'all' ? copyAll([''], new Set(reserved)) : copyNames(own),
    ...rulesFor(rules, subgraph, kind).map((rule) => compileRule(rule, untouchable)),
  ];
  return (sources, list, skipsTrace) => {
    for (const step of steps) step(sources, list);
    if (skipsTrace) drop(list, isOfTrace);
  };
}

function compileRule(rule: RequestHeaderRule, untouchable: ReadonlySet<string>): Step {
  if (rule.kind === 'remove') {
    const { exact, prefixes } = splitPatterns(rule.names);
    const isRemoved = (name: string) =>
      !untouchable.has(name) && (exact.includes(name) || prefixes.some((prefix) => name.startsWith(prefix)));
    return (_sources, list) => drop(list, isRemoved);
  }
  if (rule.kind === 'set') {
    if (untouchable.has(rule.name)) return nothing;
    const { from, name } = rule;
    if (from.kind === 'value') return (_sources, list) => put(list, name, from.value);
    const key = from.kind === 'claim' ? claimSource(from.claim) : contextSource(from.name);
    return copyOne(key, name, rule.default);
  }
  const { exact, prefixes } = splitPatterns(rule.names);
  const named = exact
    .filter((name) => mayPass(name) && !untouchable.has(rule.as ?? name))
    .map((name) => copyOne(name, rule.as ?? name, rule.default));
  const all = prefixes.length === 0 ? [] : [copyAll(prefixes, untouchable)];
  const steps = [...named, ...all];
  return (sources, list) => {
    for (const step of steps) step(sources, list);
  };
}

const nothing: Step = () => {};

function copyNames(names: readonly string[]): Step {
  return (sources, list) => {
    for (const name of names) {
      const value = sources[name];
      if (value !== undefined) list.push(name, value);
    }
  };
}

function copyOne(key: string, name: string, fallback: string | undefined): Step {
  return (sources, list) => {
    const value = Object.hasOwn(sources, key) ? sources[key] : fallback;
    if (value !== undefined) put(list, name, value);
  };
}

function copyAll(prefixes: readonly string[], untouchable: ReadonlySet<string>): Step {
  return (sources, list) => {
    for (const name of Object.keys(sources)) {
      const isWanted = isHeaderSource(name) && prefixes.some((prefix) => name.startsWith(prefix));
      const value = sources[name];
      if (isWanted && value !== undefined && mayPass(name) && !untouchable.has(name)) put(list, name, value);
    }
  };
}

/** There are few: a search costs less than a map. */
function put(list: string[], name: string, value: string): void {
  for (let index = 0; index < list.length; index += 2) {
    if (list[index] !== name) continue;
    list[index + 1] = value;
    return;
  }
  list.push(name, value);
}

/** Lays `more` (names and values in turn) over `list`. */
export function putAll(list: string[], more: readonly string[]): void {
  for (let index = 0; index + 1 < more.length; index += 2) put(list, more[index] ?? '', more[index + 1] ?? '');
}

function drop(list: string[], isDropped: (name: string) => boolean): void {
  for (let index = list.length - 2; index >= 0; index -= 2) {
    if (isDropped(list[index] ?? '')) list.splice(index, 2);
  }
}

const traceNames: ReadonlySet<string> = new Set(traceHeaderNames);
const isOfTrace = (name: string) => traceNames.has(name);
