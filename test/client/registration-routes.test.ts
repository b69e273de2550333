/** The routes alone, as values. Real: the registry. */
import type { AdminRoute } from '../../src/client/admin';
import { createRegistrationRoutes } from '../../src/client/registration-routes';
import { Registrations } from '../../src/subgraph/discovery/registrations';
import { handClock } from '../subgraph/background';

function setUp() {
  const registrations = new Registrations({ clock: handClock() });
  const stop = registrations.follow('users', 10_000, () => {});
  const routes = createRegistrationRoutes(() => registrations);
  const ask = (method: AdminRoute['method'], body?: unknown, query = '') =>
    routes.find((route) => route.method === method)!.handle({ body, query: new URLSearchParams(query) });
  return { ask, stop };
}

const instance = { subgraph: 'users', id: 'users-1', url: 'http://10.0.0.1:4001/graphql' };

describe('the endpoint at which instances register themselves', () => {
  it('takes one, renews it, lists it and lets it go', () => {
    const { ask, stop } = setUp();
    const json = { subgraph: 'users', id: 'users-1', expiresInMs: 10_000 };
    expect(ask('PUT', instance)).toEqual({ status: 201, json });
    expect(ask('PUT', { ...instance, weight: 3, zone: 'a' })).toEqual({ status: 200, json });
    expect(ask('GET')).toEqual({
      json: { users: [{ id: 'users-1', url: instance.url, weight: 3, zone: 'a', expiresInMs: 10_000 }] },
    });
    expect(ask('DELETE', undefined, 'subgraph=users&id=users-1')).toEqual({
      json: { subgraph: 'users', id: 'users-1' },
    });
    expect(ask('GET')).toEqual({ json: { users: [] } });
    stop();
  });

  it.each([
    ['nothing', undefined, 400, /subgraph: this key is required; .*id: this key is required; .*url/],
    ['a list', [], 400, /expected object/],
    ['a key that there is not', { ...instance, wieght: 1 }, 400, /unknown key "wieght"; did you mean "weight"\?/],
    ['another scheme', { ...instance, url: 'file:///etc/passwd' }, 400, /url: expected an http or https URL/],
    ['credentials', { ...instance, url: 'http://a:b@10.0.0.1/' }, 400, /url: credentials do not belong into a URL/],
    ['a weight of nothing', { ...instance, weight: 0 }, 400, /weight/],
    ['an id that is no name', { ...instance, id: 'a\nb' }, 400, /id: expected up to 200 letters/],
    ['a subgraph that takes none', { ...instance, subgraph: 'orders' }, 404, /No subgraph "orders" has/],
    ['one of what every object has', { ...instance, subgraph: '__proto__' }, 404, /No subgraph "__proto__" has/],
  ])('refuses %s with a problem document', (_what, body, status, detail) => {
    const { ask, stop } = setUp();
    const answer = ask('PUT', body) as { status: number; contentType: string; text: string };
    expect(answer).toMatchObject({ status, contentType: 'application/problem+json; charset=utf-8' });
    expect(JSON.parse(answer.text)).toEqual({
      type: 'about:blank',
      title: expect.any(String),
      status,
      detail: expect.stringMatching(detail),
    });
    stop();
  });

  it('says when there is nothing to let go, or it was not told what', () => {
    const { ask, stop } = setUp();
    expect(ask('DELETE', undefined, 'subgraph=users')).toMatchObject({ status: 400 });
    expect(ask('DELETE', undefined, 'subgraph=users&id=none')).toMatchObject({ status: 404 });
    stop();
  });

  it('says when a subgraph has as many as there may be', () => {
    const { ask, stop } = setUp();
    for (let i = 0; i < 1_000; i++) ask('PUT', { ...instance, id: `users-${i}` });
    expect(ask('PUT', { ...instance, id: 'one-more' })).toMatchObject({ status: 409 });
    stop();
  });

  it('takes none before the gateway is loaded', () => {
    const [, put] = createRegistrationRoutes(() => undefined);
    expect(put!.handle({ body: instance, query: new URLSearchParams() })).toMatchObject({ status: 404 });
  });
});
