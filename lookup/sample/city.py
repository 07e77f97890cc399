"""The made-up city: its districts and their middle schools."""

from dataclasses import dataclass

from lookup.sample.streams import stream


@dataclass(frozen=True, slots=True)
class District:
    """A district: its code in exam numbers, and its region code in identity numbers."""

    code: str
    region: str


@dataclass(frozen=True, slots=True)
class MiddleSchool:
    """A middle school.

    `size` is its weight among all schools; `strength` is how far its pupils'
    average ability lies from the city's, in standard deviations between schools.
    """

    district: District
    number: str
    name: str
    size: float
    strength: float


# Region code (GB/T 2260, Hangzhou in 2015) and the names of the district's schools.
# The names are invented; none is meant to be a school that exists.
_SCHOOLS = {
    "330102": "清晖 柳岸 望湖 吴越 松筠 南屏 涌泉",
    "330103": "武陵 朝霞 文汀 东园 石榴 长虹 青枫",
    "330104": "凯风 采莲 荷塘 三里 四季 潮音 丁香 九溪",
    "330105": "拱辰 大运 桥西 祥云 半坡 湖州街 米巷",
    "330106": "西溪 翠竹 灵峰 古荷 文苑 留泉 云栖 浮山",
    "330108": "滨河 长堤 浦江 星河 白马",
    "330109": "湘云 北岭 蜀岭 新潮 临江 瓜田 义渡 河源 所溪",
    "330110": "临泉 良田 星光 瓶山 仓桥 闲云 塘河 乔木",
    "330111": "富江 鹿鸣 登云 大青 场东 银湖",
    "330122": "桐溪 横江 分江 瑶琳坞 富源 凤川桥",
    "330127": "千汀 汾溪 威岭 临湖 姜山 文昌阁",
    "330182": "安江 梅溪 寿山 乾坤湾 大洲源 航头",
    "330185": "锦溪 玲泉 青岭 潜溪 昌岭 太湖源 天目",
}
_KINDS = ("初级中学", "中学", "实验学校", "初级中学", "外国语学校", "学校")


def districts() -> tuple[District, ...]:
    """The thirteen districts, coded 01 to 13."""
    return tuple(District(f"{n:02d}", region) for n, region in enumerate(_SCHOOLS, start=1))


def middle_schools(seed: int) -> tuple[MiddleSchool, ...]:
    """The city's ninety middle schools, ordered by district and number."""
    rng = stream(seed, "middle schools")
    schools = []
    for district in districts():
        for n, word in enumerate(_SCHOOLS[district.region].split(), start=1):
            kind = _KINDS[(int(district.code) + n) % len(_KINDS)]
            size, strength = rng.uniform(0.4, 1.6), rng.gauss(0, 1)
            schools.append(MiddleSchool(district, f"{n:02d}", f"{word}{kind}", size, strength))
    return tuple(schools)
