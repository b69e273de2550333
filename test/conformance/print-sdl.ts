/**
 * Conformance fuzzer: writes a divided model as SDL, once whole (what a client may see) and once per subgraph.
 */
import {
  type ArgumentModel,
  baseOf,
  EnumValue,
  type FieldModel,
  type GraphModel,
  type InterfaceModel,
  interfacesOf,
  nonNull,
  type ObjectModel,
  objectOf,
  objectsOf,
  printType,
  type RequiredSelection,
  type Site,
  withBase,
} from './model';
import { declarationOf, interfaceFieldsIn } from './ownership';
import { hashOf } from './random';

const link =
  '@link(url: "https://specs.apollo.dev/federation/v2.7", import: ["@key", "@external", "@requires", "@provides", "@shareable", "@override", "@inaccessible", "@interfaceObject"])';

/** The subgraph's SDL with its federation directives. */
export function printSubgraph(model: GraphModel, subgraph: string): string {
  const parts: string[] = [];
  for (const type of objectsOf(model)) parts.push(objectIn(model, type, subgraph));
  for (const type of interfacesOf(model)) parts.push(interfaceIn(model, type, subgraph));
  for (const type of model.types.values()) {
    const members = type.kind === 'union' ? type.sites.get(subgraph) : undefined;
    if (members) parts.push(`union ${type.name} = ${[...members].join(' | ')}`);
  }
  parts.push(...inputTypes(model, parts.join('\n'), true));
  const types = parts.filter((part) => part !== '').join('\n\n');
  const hasRenamedRoots = types.includes('type Query ') && hashOf(`${model.seed}|${subgraph}|roots`) % 6 === 0;
  return hasRenamedRoots ? renameRoots(types) : `extend schema ${link}\n\n${types}`;
}

/** Some subgraphs call their root types by other names. */
function renameRoots(types: string): string {
  const mutation = types.includes('type Mutation ') ? ' mutation: MutationRoot' : '';
  const renamed = types.replace(/\b(?:Query|Mutation)\b/g, '$&Root');
  return `schema ${link} { query: QueryRoot${mutation} }\n\n${renamed}`;
}

/** The name in the model of a type that a subgraph declares. */
export function nameInModel(name: string): string {
  return name === 'QueryRoot' || name === 'MutationRoot' ? name.slice(0, -'Root'.length) : name;
}

/** The undivided schema: everything that is in a subgraph and not @inaccessible. */
export function printMonolith(model: GraphModel): string {
  const parts: string[] = [];
  for (const type of objectsOf(model)) {
    if (type.hidden || (type.sites.size === 0 && type.role !== 'root')) continue;
    const fields = type.fields.filter((field) => field.owners.size > 0 && !field.inaccessible);
    const parents = interfacesOf(model).filter((other) => other.members.includes(type.name));
    const declared = parents.filter((other) => [...other.sites].some((subgraph) => type.sites.has(subgraph)));
    const added = parents.flatMap((other) => other.objectFields);
    parts.push(block('type', type.name, declared, [...fields, ...added].map(plainField)));
  }
  for (const type of interfacesOf(model)) {
    if (type.sites.size === 0) continue;
    const seen = new Set([...type.sites].flatMap((subgraph) => interfaceFieldsIn(model, type, subgraph)));
    const parents = interfacesOf(model).filter((other) => parentsAnywhere(model, type).has(other.name));
    const fields = [...type.fields.filter((field) => seen.has(field)), ...type.objectFields];
    parts.push(block('interface', type.name, parents, fields.map(plainField)));
  }
  for (const type of model.types.values()) {
    if (type.kind !== 'union' || type.sites.size === 0) continue;
    const known = new Set([...type.sites.values()].flatMap((part) => [...part]));
    const members = [...known].filter((name) => !objectOf(model, name).hidden);
    parts.push(`union ${type.name} = ${members.sort().join(' | ')}`);
  }
  parts.push(...inputTypes(model, model.subgraphs.map((subgraph) => printSubgraph(model, subgraph)).join('\n'), false));
  return parts.join('\n\n');
}

function parentsAnywhere(model: GraphModel, type: InterfaceModel): Set<string> {
  return new Set([...type.sites].flatMap((subgraph) => parentsIn(model, type, subgraph)));
}

function parentsIn(model: GraphModel, type: InterfaceModel, subgraph: string): string[] {
  const names = new Set(interfaceFieldsIn(model, type, subgraph).map((field) => field.name));
  return type.parents.filter((name) => {
    const parent = model.types.get(name) as InterfaceModel;
    if (!parent.sites.has(subgraph)) return false;
    return interfaceFieldsIn(model, parent, subgraph).every((field) => names.has(field.name));
  });
}

function block(kind: string, name: string, parents: readonly { name: string }[], fields: readonly string[]): string {
  const clause = parents.length > 0 ? ` implements ${parents.map((parent) => parent.name).join(' & ')}` : '';
  return `${kind} ${name}${clause} {\n${fields.map((field) => `  ${field}`).join('\n')}\n}`;
}

function plainField(field: FieldModel): string {
  return `${field.name}${printArguments(field.args)}: ${printType(field.type)}`;
}

function objectIn(model: GraphModel, type: ObjectModel, subgraph: string): string {
  const fields = type.fields.flatMap((field) => {
    const declaration = declarationOf(type, field, subgraph);
    return declaration ? [subgraphField(type, field, subgraph, declaration)] : [];
  });
  if (fields.length === 0) return '';
  const parents = interfacesOf(model).filter(
    (other) => other.members.includes(type.name) && other.sites.has(subgraph) && type.sites.has(subgraph),
  );
  const site = type.sites.get(subgraph);
  const hidden = type.hidden ? ' @inaccessible' : '';
  return block('type', type.name + implementsClause(parents) + keyDirectives(site) + hidden, [], fields);
}

function implementsClause(parents: readonly { name: string }[]): string {
  return parents.length > 0 ? ` implements ${parents.map((parent) => parent.name).join(' & ')}` : '';
}

function keyDirectives(site: Site | undefined): string {
  return (site?.keys ?? [])
    .map(({ key, resolvable }) => {
      return ` @key(fields: "${printSelections(key.selection)}"${resolvable ? '' : ', resolvable: false'})`;
    })
    .join('');
}

function subgraphField(
  type: ObjectModel,
  field: FieldModel,
  subgraph: string,
  declaration: 'owned' | 'external' | 'overridden',
): string {
  const nonNullHere = declaration === 'owned' && field.nonNullIn.has(subgraph) && field.type.kind !== 'nonNull';
  const own =
    declaration === 'owned' && field.narrowIn === subgraph ? withBase(field.type, field.members[0]!) : field.type;
  const shape = { ...field, type: nonNullHere ? nonNull(own) : own };
  const directives: string[] = [];
  if (declaration === 'external') directives.push('@external');
  const resolvers = field.owners.size;
  const shareable = resolvers > 1 || field.provided || (type.role !== 'entity' && type.role !== 'root');
  if (declaration === 'owned') {
    if (shareable) directives.push('@shareable');
    if (field.overriddenIn) directives.push(overrideDirective(field.overriddenIn, field.overrideLabel));
    if (field.requires) directives.push(`@requires(fields: ${quote(printSelections(field.requires))})`);
    const provided = field.provides.get(subgraph);
    if (provided) directives.push(`@provides(fields: ${quote(printSelections(provided))})`);
  }
  if (field.inaccessible && declaration !== 'external') directives.push('@inaccessible');
  return [plainField(shape), ...directives].join(' ');
}

function overrideDirective(from: string, label: string | undefined): string {
  return `@override(from: "${from}"${label ? `, label: "${label}"` : ''})`;
}

function interfaceIn(model: GraphModel, type: InterfaceModel, subgraph: string): string {
  const site = type.keyed?.objects.get(subgraph);
  if (site) return interfaceObjectIn(type, site, subgraph);
  if (!type.sites.has(subgraph)) return '';
  const fields = interfaceFieldsIn(model, type, subgraph).map(plainField);
  const parents = parentsIn(model, type, subgraph).map((name) => ({ name }));
  const key = type.keyed?.home === subgraph ? ` @key(fields: "${printSelections(type.keyed.key.selection)}")` : '';
  return block('interface', type.name + implementsClause(parents) + key, [], fields);
}

function interfaceObjectIn(type: InterfaceModel, site: Site, subgraph: string): string {
  const external = type.fields.filter((field) => site.externals.has(field.name));
  const key = type.fields.filter((field) => field.role?.kind === 'key');
  const own = type.objectFields.filter((field) => field.owners.has(subgraph));
  const lines = [
    ...key.map(plainField),
    ...external.map((field) => `${plainField(field)} @external`),
    ...own.map((field) => {
      const shareable = field.owners.size > 1 ? ' @shareable' : '';
      const requires = field.requires ? ` @requires(fields: ${quote(printSelections(field.requires))})` : '';
      const provided = field.provides.get(subgraph);
      const provides = provided ? ` @provides(fields: ${quote(printSelections(provided))})` : '';
      return `${plainField(field)}${shareable}${requires}${provides}`;
    }),
  ];
  return block('type', `${type.name}${keyDirectives(site)} @interfaceObject`, [], lines);
}

/** Enums, scalars and inputs that a text names, and those that they name. */
function inputTypes(model: GraphModel, text: string, withHidden: boolean): string[] {
  const used = new Set<string>();
  const visit = (name: string): void => {
    const type = model.types.get(name);
    if (!type || used.has(name) || !['enum', 'scalar', 'input'].includes(type.kind)) return;
    used.add(name);
    if (type.kind === 'input') for (const field of type.fields) visit(baseOf(field.type));
  };
  for (const word of text.match(/\b[A-Z]\w*/g) ?? []) visit(word);
  return [...used].map((name) => {
    const type = model.types.get(name)!;
    if (type.kind === 'scalar') return `scalar ${name}`;
    if (type.kind === 'enum') {
      const hidden = withHidden && type.hidden ? `\n  ${type.hidden} @inaccessible` : '';
      return `enum ${name} {\n${type.values.map((value) => `  ${value}`).join('\n')}${hidden}\n}`;
    }
    if (type.kind !== 'input') throw new Error(`${name} is not an input type`);
    return `input ${name} {\n${type.fields.map((field) => `  ${printArgument(field)}`).join('\n')}\n}`;
  });
}

function printArguments(args: readonly ArgumentModel[]): string {
  return args.length > 0 ? `(${args.map(printArgument).join(', ')})` : '';
}

function printArgument(argument: ArgumentModel): string {
  const initial = argument.defaultValue === undefined ? '' : ` = ${printLiteral(argument.defaultValue)}`;
  return `${argument.name}: ${printType(argument.type)}${initial}`;
}

/** A selection as the directives write it: `owner { id } price(in: EUR)`. */
export function printSelections(selections: readonly RequiredSelection[]): string {
  return selections.map(printSelection).join(' ');
}

function printSelection(selection: RequiredSelection): string {
  if (selection.kind === 'fragment') return `... on ${selection.on} { ${printSelections(selection.selections)} }`;
  const args = Object.entries(selection.args).map(([name, value]) => `${name}: ${printLiteral(value)}`);
  const nested = selection.selections.length > 0 ? ` { ${printSelections(selection.selections)} }` : '';
  return `${selection.name}${args.length > 0 ? `(${args.join(', ')})` : ''}${nested}`;
}

/** A coerced value as a GraphQL literal. */
export function printLiteral(value: unknown): string {
  if (value instanceof EnumValue) return value.name;
  if (Array.isArray(value)) return `[${value.map(printLiteral).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{ ${Object.entries(value)
      .map(([name, part]) => `${name}: ${printLiteral(part)}`)
      .join(', ')} }`;
  }
  return JSON.stringify(value);
}

function quote(text: string): string {
  return JSON.stringify(text);
}
