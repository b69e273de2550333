// How Jest finds modules: as always, but worker threads that run our sources compile them by swc, as Jest does; tsx takes
// twice as long to load.
const loader = require.resolve('./load-typescript.cjs');

module.exports = (request, options) => (request === 'tsx/cjs' ? loader : options.defaultResolver(request, options));
