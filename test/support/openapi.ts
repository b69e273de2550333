/** An OpenAPI document as others read it: a validator of the format, and one of what is answered. */
import { execFileSync } from 'node:child_process';
import Ajv from 'ajv/dist/2020';

interface Described {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: object }>> }>>;
}

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: object;
}

/** The validator is an ES module, which jest does not load: it runs beside. */
export function validateOpenApi(document: object): unknown {
  const script = `import { Validator } from '@seriousme/openapi-schema-validator';
    import { readFileSync } from 'node:fs';
    const result = await new Validator().validate(JSON.parse(readFileSync(0, 'utf8')));
    console.log(JSON.stringify({ valid: result.valid, errors: result.errors }));`;
  const input = JSON.stringify(document);
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { input, encoding: 'utf8' });
  return JSON.parse(output);
}

/** What of a good answer in JSON is not as the document says. */
export function misfitsOf({ paths, components }: OpenApiDocument, operation: string, answer: unknown): unknown[] {
  const described = Object.values(paths)
    .flatMap((path) => Object.values(path))
    .find(({ operationId }) => operationId.toLowerCase() === operation.toLowerCase());
  const [, success] = Object.entries(described?.responses ?? {}).find(([status]) => status.startsWith('2')) ?? [];
  const schema = success?.content?.['application/json']?.schema;
  if (!schema) return [];
  const ajv = new Ajv({ strict: false, validateFormats: false });
  return ajv.validate({ ...schema, components }, answer) ? [] : [...(ajv.errors ?? [])];
}
