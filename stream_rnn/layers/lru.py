"""Linear recurrent unit (Orvieto et al. 2023, arXiv:2303.06349), learned in real time.

Each unit is one complex number that turns and fades by itself. Its sensitivities, what it would have become with other
weights, turn and fade with it, so that its gradient is exact at every event and goes back to the sequence's beginning,
at the cost of a forward pass (real-time recurrent learning; Zucchet et al. 2023, arXiv:2305.15947). Outputs are the
tanh of both parts, as in the recurrent trace unit (Elelimy et al. 2024, arXiv:2409.01449).

With input x (I,), state h in C^H and the weights nu, th (H,), B = Br + i Bi in C^(H x I) and b = br + i bi in C^H:

    s = exp nu     r = exp(-s)     theta = exp th     lam = r e^(i theta)     gam = sqrt(1 - r^2)
    u = B x + b
    h' = lam h + gam u
    y = [tanh Re h', tanh Im h']

Without b, which the papers do not have, outputs would be odd functions of the inputs, and a square out of reach.

The sensitivities of h in nu, th and B, all 0 at the beginning and exact for fixed weights; b counts as the weights of
one more input, which is 1:

    N' = lam N - s lam h + k u     with k = dgam/dnu = s r^2 / gam
    T' = lam T + i theta lam h
    E' = lam E + gam x^T

The gradient, where a = dL/dRe h' and b = dL/dIm h' by this event's output alone, since the sensitivities hold the past:

    dL/dnu = a Re N' + b Im N'     dL/dBr = a Re E' + b Im E'
    dL/dth = a Re T' + b Im T'     dL/dBi = b Re E' - a Im E'

What is below has no sensitivities, and is sent A = a + A', B = b + B' that come back from later events too:

    dL/dx = Br^T (gam A) + Bi^T (gam B)     A <- Re lam A + Im lam B     B <- Re lam B - Im lam A

Learning can take nu and th anywhere. nu counts as at least -13, which keeps r below 1 in float32 and a unit's memory
below half a million events, and as at most 4; th as at most 7, where theta's sine and cosine are still good. Beyond a
bound the gradient is that at the bound, so that learning finds back. Near r = 1 nothing is lost in
gam^2 = 2 t / (1 + t) with t = tanh s.

Real parts stand together, and imaginary ones: compiled loops over several rows are checked for overlap all at once, and
where the rows of two arrays take turns they are not vectorised.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stream_rnn.kernels.activations import tanh
from stream_rnn.kernels.elementary import exp, sin_cos
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import add_product, add_product_transposed, add_scaled_columns, copy
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, count, forward

LOWEST_NU, HIGHEST_NU, HIGHEST_TH = -13.0, 4.0, 7.0


class LRU(NamedTuple):
    """A linear recurrent unit; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """The gradient of what is below: that of its own weights is known at each event."""
        return "below"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of nu, th, Br, br, Bi and bi: r^2 begins uniform in [0.3^2, 0.999^2], theta in (0, pi]."""
        I, H = self.inputs, self.hidden
        return (
            Parameter("nu", (H,), "bias", "h", lambda rng: np.log(-np.log(rng.uniform(0.3**2, 0.999**2, H)) / 2)),
            Parameter("th", (H,), "bias", "h", lambda rng: np.log(np.pi * (1 - rng.uniform(size=H)))),
            Parameter("Br", (I, H), "input", "h", lambda rng: rng.normal(0, np.sqrt(0.5 / (I + 1)), (I, H))),
            Parameter("br", (H,), "bias", "h", lambda rng: rng.normal(0, np.sqrt(0.5 / (I + 1)), H)),
            Parameter("Bi", (I, H), "input", "h", lambda rng: rng.normal(0, np.sqrt(0.5 / (I + 1)), (I, H))),
            Parameter("bi", (H,), "bias", "h", lambda rng: rng.normal(0, np.sqrt(0.5 / (I + 1)), H)),
        )

    @property
    def sizes(self) -> Sizes:
        """State: y, Re [h, N, T, E], Im [h, N, T, E].

        Tape: y, Re lam, Im lam, gam, s, theta, k, Re [N, T, E], Im [N, T, E]. Delta: a, b, -a, gam A, gam B.
        """
        I, H = self.inputs, self.hidden
        return Sizes(I, 2 * H, count(self.parameters()), state=(2 * I + 10) * H, tape=(2 * I + 14) * H, delta=5 * H)


@input_rows.register
def _input_rows(layer: LRU) -> InputRows:
    I, H = layer.inputs, layer.hidden
    return InputRows(
        params=((2 * H, H), ((I + 3) * H, H)),
        state=((5 * H, H), ((I + 9) * H, H)),
        tape=((10 * H, H), ((I + 13) * H, H)),
    )


@inner
def _recurrence(nu: Any, th: Any, factors: Any) -> None:
    """Write Re lam, Im lam, gam, s, theta and k (6H,) for nu and th (H,)."""
    H = nu.shape[0]
    re, im, gam = factors[:H], factors[H : 2 * H], factors[2 * H : 3 * H]
    s, theta, k = factors[3 * H : 4 * H], factors[4 * H : 5 * H], factors[5 * H :]
    number = nu.dtype.type
    one, two = number(1), number(2)
    lowest_nu, highest_nu, highest_th = number(LOWEST_NU), number(HIGHEST_NU), number(HIGHEST_TH)
    for j in range(H):
        s[j] = exp(min(max(nu[j], lowest_nu), highest_nu))
        theta[j] = exp(min(th[j], highest_th))
        t = tanh(s[j])
        gam[j] = np.sqrt(two * t / (one + t))
    for j in range(H):
        r = exp(-s[j])
        sine, cosine = sin_cos(theta[j])
        re[j] = r * cosine
        im[j] = r * sine
        k[j] = s[j] * r * r / gam[j]


@inner
def _turn(lr: Any, li: Any, x: Any, gam: Any, re: Any, im: Any) -> None:
    """Replace complex numbers z (H,) by lam z + gam x."""
    for j in range(re.shape[0]):
        p, q = re[j], im[j]
        re[j] = lr[j] * p - li[j] * q + gam[j] * x
        im[j] = lr[j] * q + li[j] * p


@forward.register
def _forward(layer: LRU, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    Br, br = params[2 * H : (I + 2) * H].reshape(I, H), params[(I + 2) * H : (I + 3) * H]
    Bi, bi = params[(I + 3) * H : (2 * I + 3) * H].reshape(I, H), params[(2 * I + 3) * H :]
    factors, zero, one = tape[2 * H : 8 * H], tape.dtype.type(0), tape.dtype.type(1)
    _recurrence(params[:H], params[H : 2 * H], factors)
    lr, li, gam = factors[:H], factors[H : 2 * H], factors[2 * H : 3 * H]
    s, theta, k = factors[3 * H : 4 * H], factors[4 * H : 5 * H], factors[5 * H :]
    ur, ui = tape[:H], tape[H : 2 * H]
    copy(br, ur)
    copy(bi, ui)
    add_product(x, Br, ur)  # (I,) @ (I, H) -> (H,)
    add_product(x, Bi, ui)  # (I,) @ (I, H) -> (H,)
    half = (I + 6) * H
    R, M = state[2 * H : half].reshape(I + 4, H), state[half:].reshape(I + 4, H)
    for i in range(3):
        _turn(lr, li, zero, gam, R[i], M[i])
    for i in range(I):
        _turn(lr, li, x[i], gam, R[3 + i], M[3 + i])
    _turn(lr, li, one, gam, R[3 + I], M[3 + I])
    hr, hi, Nr, Ni, Tr, Ti = R[0], M[0], R[1], M[1], R[2], M[2]
    for j in range(H):
        Nr[j] += k[j] * ur[j] - s[j] * hr[j]
        Ni[j] += k[j] * ui[j] - s[j] * hi[j]
    for j in range(H):
        Tr[j] -= theta[j] * hi[j]
        Ti[j] += theta[j] * hr[j]
    yr, yi = state[:H], state[H : 2 * H]
    for j in range(H):
        hr[j] += gam[j] * ur[j]
        yr[j] = tanh(hr[j])
    for j in range(H):
        hi[j] += gam[j] * ui[j]
        yi[j] = tanh(hi[j])
    copy(state[: 2 * H], tape[: 2 * H])
    copy(state[3 * H : half], tape[8 * H : (I + 11) * H])
    copy(state[half + H :], tape[(I + 11) * H :])


@backward.register
def _backward(layer: LRU, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H = layer.inputs, layer.hidden
    one = tape.dtype.type(1)
    y, ab, minus_a = tape[: 2 * H], delta[: 2 * H], delta[2 * H : 3 * H]
    for j in range(2 * H):
        ab[j] = d_output[j] * (one - y[j] * y[j])
    a, b = ab[:H], ab[H:]
    for j in range(H):
        minus_a[j] = -a[j]
    if d_input.shape[0] > 0:
        Br, Bi = params[2 * H : (I + 2) * H].reshape(I, H), params[(I + 3) * H : (2 * I + 3) * H].reshape(I, H)
        lr, li, gam = tape[2 * H : 3 * H], tape[3 * H : 4 * H], tape[4 * H : 5 * H]
        half = (I + 6) * H
        A, B = d_state[2 * H : 3 * H], d_state[half : half + H]
        gA, gB = delta[3 * H : 4 * H], delta[4 * H :]
        for j in range(H):
            A[j] += a[j]
            gA[j] = gam[j] * A[j]
        for j in range(H):
            B[j] += b[j]
            gB[j] = gam[j] * B[j]
        d_input[:] = 0
        add_product_transposed(Br, gA, d_input)  # (I, H) @ (H,) -> (I,)
        add_product_transposed(Bi, gB, d_input)  # (I, H) @ (H,) -> (I,)
        for j in range(H):
            p, q = A[j], B[j]
            A[j] = lr[j] * p + li[j] * q
            B[j] = lr[j] * q - li[j] * p


@accumulate.register
def _accumulate(layer: LRU, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    re, im = tape + 8 * H, tape + (I + 11) * H
    a, b, minus_a = delta, delta + H, delta + 2 * H
    d, dBi = gradient[: (I + 3) * H].reshape(I + 3, H), gradient[(I + 3) * H :].reshape(I + 1, H)
    add_scaled_columns(tapes, re, deltas, a, rows, d)
    add_scaled_columns(tapes, im, deltas, b, rows, d)
    add_scaled_columns(tapes, re + 2 * H, deltas, b, rows, dBi)
    add_scaled_columns(tapes, im + 2 * H, deltas, minus_a, rows, dBi)
