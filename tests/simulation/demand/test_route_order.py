from leed_traffic.simulation.demand.route_order import in_order, left_out

MIXED = """<routes><route id="r" edges="a b"/>
  <vehicle id="v10" depart="10"/><flow id="f5" begin="5" number="2"/><vehicle id="v7" depart="7"/>
  <trip id="t20" depart="0:00:20"/>
  <person id="p3" depart="3"/><vehicle id="again" depart="20"/><vehicle id="first" depart="begin"/>
  <vehicle id="v19" depart="19"/>
  <vehicle id="waits" depart="triggered"/><flow id="f60" begin="60" period="5"/><vehicle id="v40" depart="40"/>
  <person id="p80" depart="80"/><vehicle id="v50" depart="50"/>
</routes>"""  # SUMO 1.28 ignores f5, v7, p3, v19, v40 and v50 of these


def test_whoever_is_named_after_a_later_one_is_left_out_as_sumo_does(tmp_path):
    (tmp_path / "a.xml").write_text(MIXED)
    kept = [item.get("id") for item in in_order(tmp_path / "a.xml")]
    assert kept == ["r", "v10", "t20", "again", "first", "waits", "f60", "p80"]


def test_a_sentence_names_how_many_and_who(tmp_path):
    (tmp_path / "a.xml").write_text(MIXED)
    (tmp_path / "b.xml").write_text('<routes><vehicle id="v" depart="1"/></routes>')
    assert left_out([tmp_path / "b.xml"]) == ""
    said = left_out([tmp_path / "a.xml", tmp_path / "b.xml"])
    assert said.startswith("not sorted by departure: SUMO ignores 6 vehicles, flows or persons (f5, v7, p3, ...)")


def test_an_included_file_goes_on_in_the_order_of_its_place(tmp_path):
    (tmp_path / "a.xml").write_text(
        '<routes><vehicle id="v10" depart="10"/><include href="b.xml"/><vehicle id="v20" depart="20"/></routes>'
    )
    (tmp_path / "b.xml").write_text('<routes><vehicle id="v30" depart="30"/></routes>')
    assert [item.get("id") for item in in_order(tmp_path / "a.xml")] == ["v10", "v30"]
