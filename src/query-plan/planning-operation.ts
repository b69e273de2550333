/**
 * Scopes -> the texts that are planned: the operation without what is fetched apart, and each field that is, at the
 * entry of its subgraph. Conditions are decided, fragments merged, fields under their travelling names, `__typename`
 * wherever an object's type decides what it answers, introspection left out. Equal texts share one plan.
 * Clock: per document and values of its condition variables.
 */
import { type FieldNode, getNamedType, isAbstractType, isCompositeType, print } from 'graphql';
import { InternalError } from '../errors';
import type { Operation } from '../operation/document';
import { writeArguments, writeDirective } from '../operation/write-value';
import { finish, type SlicedWork } from '../slices';
import {
  innerScopeOf,
  maxFields,
  type PlanningOptions,
  readBeside,
  type Scope,
  type ScopeField,
  tooManyFields,
} from './planning-scope';
import type { RequirementWay } from './supergraph-types';

/** Names of variables that belong to the planner and to entity fetches: a client's travel with a `_` before them. */
const ownVariable = /^_*(representations\d*|contextualArgument_.*)$/;

function variableNameOf(name: string): string {
  return ownVariable.test(name) ? `_${name}` : name;
}

/** The client's name for a variable of a fetch. */
export function clientVariableNameOf(name: string): string {
  return name.startsWith('_') && ownVariable.test(name) ? name.slice(1) : name;
}

/** What writing passes down. */
interface Writing {
  readonly options: PlanningOptions;
  readonly variables: Set<string>;
}

/** The text to plan for some root fields of an operation, with just the variables that they use. */
export function* writeOperation(
  operation: Operation,
  fields: readonly ScopeField[],
  options: PlanningOptions,
): SlicedWork<string> {
  const writing: Writing = { options, variables: new Set() };
  const parts: string[] = [];
  for (const field of fields) parts.push(yield* writeField(field, writing));
  return `${operation.type}${writeSignature(operation, writing)}{${parts.join(' ')}}`;
}

/** The text to plan for a field that is fetched apart. */
export function* writeEntry(
  operation: Operation,
  { entry }: RequirementWay,
  field: ScopeField,
  options: PlanningOptions,
): SlicedWork<string> {
  const writing: Writing = { options, variables: new Set() };
  const body = yield* writeField(field, writing);
  return `query${writeSignature(operation, writing)}{${entry}{${body}}}`;
}

/**
 * The text that plans only if `field` can be had so where it stands: of the operation or the entry around it, just
 * the way there, and what `way` needs (the scope comes along), or the field itself.
 */
export function writeTrial(
  operation: Operation,
  field: ScopeField,
  way: RequirementWay | undefined,
  options: PlanningOptions,
): { readonly text: string; readonly needs: Scope | undefined } {
  const writing: Writing = { options, variables: new Set() };
  const { scope } = field;
  const needs = way && readBeside(scope, { set: way.needs, type: scope.type, isRequired: true }, options);
  const own = isCompositeType(getNamedType(field.type))
    ? `${writeHead(field, writing)}{__typename}`
    : writeHead(field, writing);
  const { text, entry } = writeWayTo(scope, needs ? finish(writeScope(needs, writing)) : own, writing);
  const body = entry === undefined ? text : `${entry}{${text}}`;
  return {
    text: `${entry === undefined ? operation.type : 'query'}${writeSignature(operation, writing)}{${body}}`,
    needs,
  };
}

/** `body`, as it stands inside the fields and fragments around a scope, up to the root or an entry. */
function writeWayTo(scope: Scope, body: string, writing: Writing): { text: string; entry: string | undefined } {
  if (scope.outer) return writeWayTo(scope.outer, `...on ${scope.type.name}{${body}}`, writing);
  const { parent } = scope;
  if (!parent) return { text: body, entry: undefined };
  const text = `${writeHead(parent, writing)}{${body}}`;
  return parent.way ? { text, entry: parent.way.entry } : writeWayTo(parent.scope, text, writing);
}

/** Name and variables. */
function writeSignature(operation: Operation, { variables }: Writing): string {
  const definitions = (operation.node.variableDefinitions ?? [])
    .filter((definition) => variables.has(definition.variable.name.value))
    .map((definition) => {
      const fallback = definition.defaultValue ? `=${print(definition.defaultValue)}` : '';
      return `$${variableNameOf(definition.variable.name.value)}:${print(definition.type)}${fallback}`;
    });
  const name = operation.name === undefined ? '' : ` ${operation.name}`;
  return definitions.length > 0 ? `${name}(${definitions.join(',')})` : name;
}

function* writeField(field: ScopeField, writing: Writing): SlicedWork<string> {
  const scope = innerScopeOf(field, writing.options);
  if (!scope) return writeHead(field, writing);
  const body = yield* writeScope(scope, writing);
  return `${writeHead(field, writing)}{${body === '' ? '__typename' : body}}`;
}

function* writeScope(scope: Scope, writing: Writing): SlicedWork<string> {
  yield;
  const parts: string[] = needsTypename(scope, writing.options) ? ['__typename'] : [];
  for (const field of scope.fields.values()) if (!field.way) parts.push(yield* writeField(field, writing));
  for (const fragment of scope.fragments.values()) {
    const body = yield* writeScope(fragment, writing);
    if (body !== '') parts.push(`...on ${fragment.type.name}{${body}}`);
  }
  return parts.join(' ');
}

function needsTypename(scope: Scope, { types }: PlanningOptions): boolean {
  if (scope.outer) return false;
  if (!isAbstractType(scope.type)) return [...scope.fields.values()].some(({ way }) => way?.entity === scope.type.name);
  const isUniform = scope.fragments.size === 0 && !scope.asksTypename;
  return !(isUniform && types.interfaceObjects.has(scope.type.name));
}

function writeHead({ name, nodes }: ScopeField, { variables, options }: Writing): string {
  options.count.written += 1;
  if (options.count.written > maxFields) throw tooManyFields();
  const [node] = nodes;
  if (!node) throw new InternalError('a field of a scope has no node');
  const alias = name === node.name.value ? '' : `${name}:`;
  const nameOf = (variable: string) => {
    variables.add(variable);
    return variableNameOf(variable);
  };
  return `${alias}${node.name.value}${writeArguments(node.arguments, nameOf)}${writeDirectives(node, nameOf)}`;
}

function writeDirectives({ directives = [] }: FieldNode, nameOf: (variable: string) => string): string {
  return directives
    .filter(({ name }) => name.value !== 'skip' && name.value !== 'include')
    .map((directive) => ` ${writeDirective(directive, nameOf)}`)
    .join('');
}
